# Recipe shared by every td500-mini run: small crops and Adam, so that one CPU core fine-tunes a
# light DBNet in half an hour. The step is a lean one: targets come from the workers.
_base_ = [
    '../../../_base_/datasets/td500-mini.py',
    'mini.py',
]

train_pipeline = [
    dict(type='CheckedLoadImageFromFile', color_type='color_ignore_orientation'),
    dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True),
    dict(type='RandomResize', scale=(736, 736), ratio_range=(0.75, 1.75), keep_ratio=True),
    dict(type='TextDetRandomCrop', target_size=(256, 256), positive_sample_ratio=1.0),
    dict(type='ImgAugWrapper', args=[['Fliplr', 0.5], dict(cls='Affine', rotate=[-10, 10])]),
    # Same size: it only casts back to float32 what ImgAugWrapper's polygon repair made float64.
    dict(type='Resize', scale=(256, 256), keep_ratio=True),
    dict(type='Pad', size=(256, 256)),
    dict(type='TorchVisionWrapper', op='ColorJitter', brightness=32.0 / 255, saturation=0.5),
    dict(type='PackTextDetInputs', meta_keys=('img_path', 'ori_shape', 'img_shape')),
    dict(type='DBTargets'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(type='Resize', scale=(736, 736), keep_ratio=True),
    dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True),
    dict(
        type='PackTextDetInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]

td500_mini_textdet_train = _base_.td500_mini_textdet_train
td500_mini_textdet_train.pipeline = train_pipeline
td500_mini_textdet_val = _base_.td500_mini_textdet_val
td500_mini_textdet_val.pipeline = test_pipeline
td500_mini_textdet_test = _base_.td500_mini_textdet_test
td500_mini_textdet_test.pipeline = test_pipeline

train_dataloader = dict(dataset=td500_mini_textdet_train)
val_dataloader = dict(dataset=td500_mini_textdet_val)
test_dataloader = dict(dataset=td500_mini_textdet_test)

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_interval=15)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=30, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    channels_last=dict(type='ChannelsLastHook'),
    logger=dict(type='LoggerHook', interval=25),
    checkpoint=dict(type='CheckpointHook', interval=30, max_keep_ckpts=1))
