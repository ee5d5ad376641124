# For real photos: a detector whose backbone knows ImageNet. Both parts start from trained ones.
_base_ = 'dbnet-mobilenetv3-large_crnn-slim-vgg.py'

model = dict(
    detector=dict(
        _delete_=True,
        type='DBNet',
        backbone=dict(
            type='TIMMFeatures', model_name='efficientnet_lite0', out_indices=(1, 2, 3, 4)),
        neck=dict(
            type='FPNC', in_channels=[24, 40, 112, 320], lateral_channels=128, out_channels=32),
        det_head=dict(
            type='DBHead',
            in_channels=128,
            module_loss=dict(type='DBModuleLoss'),
            postprocessor=dict(type='DBPostprocessor', text_repr_type='quad')),
        data_preprocessor=dict(
            type='TextDetDataPreprocessor',
            mean=[127.0, 127.0, 127.0],
            std=[128.0, 128.0, 128.0],
            bgr_to_rgb=True,
            pad_size_divisor=32)))
