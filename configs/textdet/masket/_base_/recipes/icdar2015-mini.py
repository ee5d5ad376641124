# Recipe shared by every icdar2015-mini run: small crops and Adam, so that one CPU core trains a
# light DBNet from scratch in minutes. Only the model and the number of epochs differ.
_base_ = [
    '../../../_base_/datasets/icdar2015-mini.py',
    'mini.py',
]

train_pipeline = [
    dict(type='CheckedLoadImageFromFile', color_type='color_ignore_orientation'),
    dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True),
    # Resize, crop, then augment: the crop keeps the text at the scale of the test images, and
    # rotation and colour cost a tenth of what they cost on the whole photo.
    dict(type='RandomResize', scale=(960, 540), ratio_range=(0.8, 2.0), keep_ratio=True),
    dict(type='TextDetRandomCrop', target_size=(256, 256), positive_sample_ratio=1.0),
    dict(type='ImgAugWrapper', args=[['Fliplr', 0.5], dict(cls='Affine', rotate=[-10, 10])]),
    # Same size: it only casts back to float32 what ImgAugWrapper's polygon repair made float64.
    dict(type='Resize', scale=(256, 256), keep_ratio=True),
    dict(type='Pad', size=(256, 256)),
    dict(type='TorchVisionWrapper', op='ColorJitter', brightness=32.0 / 255, saturation=0.5),
    dict(type='PackTextDetInputs', meta_keys=('img_path', 'ori_shape', 'img_shape')),
]
test_pipeline = [
    dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
    dict(type='Resize', scale=(960, 544), keep_ratio=True),
    dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True),
    dict(
        type='PackTextDetInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]

icdar2015_mini_textdet_train = _base_.icdar2015_mini_textdet_train
icdar2015_mini_textdet_train.pipeline = train_pipeline
icdar2015_mini_textdet_val = _base_.icdar2015_mini_textdet_val
icdar2015_mini_textdet_val.pipeline = test_pipeline

train_dataloader = dict(dataset=icdar2015_mini_textdet_train)
val_dataloader = dict(dataset=icdar2015_mini_textdet_val)
test_dataloader = dict(dataset=icdar2015_mini_textdet_val)

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=6, val_interval=6)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=6, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=10),
    checkpoint=dict(type='CheckpointHook', interval=6, max_keep_ckpts=1))
