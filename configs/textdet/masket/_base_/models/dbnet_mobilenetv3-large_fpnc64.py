model = dict(
    type='DBNet',
    backbone=dict(
        type='MobileNetV3', arch='large', frozen_stages=-1, norm_eval=False, init_cfg=None),
    neck=dict(type='FPNC', in_channels=[24, 40, 112, 960], lateral_channels=64, out_channels=16),
    det_head=dict(
        type='DBHead',
        in_channels=64,
        module_loss=dict(type='DBModuleLoss'),
        postprocessor=dict(type='DBPostprocessor', text_repr_type='quad')),
    data_preprocessor=dict(
        type='TextDetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32))
