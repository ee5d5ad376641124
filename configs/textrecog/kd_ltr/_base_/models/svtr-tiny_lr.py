# SVTR-tiny that reads crops of 32x128, rectified to 16x50. Its teacher reads 64x256, rectified to
# 32x100: mmocr::textrecog/svtr/svtr-tiny_20e_st_mj.py
_base_ = 'mmocr::textrecog/svtr/_base_svtr-tiny.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

# The encoder's img_size stays the teacher's: it says how many tokens there are.
model = dict(
    preprocessor=dict(output_image_size=(16, 50)),
    encoder=dict(type='LowResSVTREncoder'))
