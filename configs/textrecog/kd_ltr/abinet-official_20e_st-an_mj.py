# Teacher of 32x128 for the official weights, which see RGB images; tools/convert_weights.py brings
# them here.
_base_ = 'abinet-mmocr_20e_st-an_mj.py'

model = dict(data_preprocessor=dict(bgr_to_rgb=True))
