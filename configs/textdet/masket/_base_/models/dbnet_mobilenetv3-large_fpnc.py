# The student: MMOCR's ResNet-18 DBNet on MobileNetV3-large. The taps (strides 4 to 32) are those
# of the official DB code; neck, head and normalisation stay MMOCR's.
_base_ = 'mmocr::textdet/dbnet/_base_dbnet_resnet18_fpnc.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='MobileNetV3',
        arch='large',
        frozen_stages=-1,
        norm_eval=False,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://mobilenet_v3_large')),
    neck=dict(in_channels=[24, 40, 112, 960]))

# Model only: the data set files bring the pipelines.
_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
