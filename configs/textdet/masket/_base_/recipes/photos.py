# Photos of yours, taught by whatever sees text on them: the recipe of "mmocr-kd distill det". What
# it writes beside the photos, work/config.py, names student, teacher and files; run by itself this
# file has none. Crops and rates are those of td500-mini, which were measured (docs/results.md).
_base_ = 'mini.py'

train_pipeline = [
    dict(type='CheckedLoadImageFromFile'),
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
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(736, 736), keep_ratio=True),
    dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True),
    dict(
        type='PackTextDetInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]

# An epoch is 25 steps of 8, whatever the number of photos: as often a checkpoint is written.
train_dataloader = dict(
    sampler=dict(_delete_=True, type='RatioSampler', ratios=[1], groups=200, shuffle=True),
    dataset=dict(type='ConcatDataset', verify_meta=False, datasets=[], pipeline=train_pipeline))
held_out = dict(
    dataset=dict(
        type='OCRDataset', data_root='', ann_file='', test_mode=True, pipeline=test_pipeline))
val_dataloader = held_out
test_dataloader = held_out
val_evaluator = dict(type='HmeanIOUMetric')
test_evaluator = val_evaluator

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=18, val_interval=18)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=18, by_epoch=True, convert_to_iter_based=True)
]
custom_hooks = [
    dict(
        type='MaskETDistillHook',
        teacher=dict(type='CachedTeacher', store='', teacher=dict(type='OnnxTeacher', model='')),
        loss=dict(
            type='MaskETLoss',
            entropy_weight=5.0,
            kd_weight=5.0,
            distance='l2',
            temperature=1.0,
            mask='teacher',
            reduction='mask',
            include_ignored=False,
            mask_threshold=0.3,
            mask_dilation=8),
        source='text_logits',
        schedule=dict(by_epoch=True, start=0, stop=None, warmup=0, decay=0)),
    dict(type='ChannelsLastHook')
]
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=25),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2))  # one of them is whole
