# The student of abinet-mmocr-lr_*.py as a plain MMOCR recogniser, for weights that were exported.
_base_ = 'abinet-lr-plain_100e_textzoom.py'

model = dict(data_preprocessor=dict(bgr_to_rgb=False))

load_from = ('https://download.openmmlab.com/mmocr/textrecog/abinet/abinet_20e_st-an_mj/'
             'abinet_20e_st-an_mj_20221005_012617-ead8c139.pth')
