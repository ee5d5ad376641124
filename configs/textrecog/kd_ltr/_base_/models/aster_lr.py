# ASTER that reads crops of 32x128, rectified to 16x50. Its teacher reads 64x256, rectified to
# 32x100: mmocr::textrecog/aster/aster_resnet45_6e_st_mj.py
_base_ = 'mmocr::textrecog/aster/_base_aster.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

# The first stage does not stride, so that its first block needs no shortcut convolution: of the
# teacher's weights, backbone.layer1.0.downsample.* are not used.
model = dict(
    preprocessor=dict(output_image_size=(16, 50)),
    backbone=dict(strides=[(1, 1), (2, 2), (2, 1), (2, 1), (2, 1)]))
