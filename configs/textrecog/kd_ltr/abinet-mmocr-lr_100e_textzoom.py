# As abinet-lr_100e_textzoom.py, but the teacher has the weights that MMOCR publishes: they see BGR
# images, and the last of the 26 steps was never trained.
_base_ = 'abinet-lr_100e_textzoom.py'

model = dict(
    student=dict(data_preprocessor=dict(bgr_to_rgb=False)),
    teacher=dict(
        config='{{ fileDirname }}/abinet-mmocr_20e_st-an_mj.py',
        checkpoint='https://download.openmmlab.com/mmocr/textrecog/abinet/abinet_20e_st-an_mj/'
        'abinet_20e_st-an_mj_20221005_012617-ead8c139.pth'),
    valid_steps=25)
