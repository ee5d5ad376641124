# Words on photos of yours, read by whatever reads them: the recipe of "mmocr-kd distill rec". What
# it writes, work/rec/config.py, names student, dictionary and files; run by itself this file has
# none. The teacher's readings are labels: as soft targets they were no better (docs/results.md).
# Words keep their proportions, up to 8 times as wide as they are high.
_base_ = 'mmocr::textrecog/_base_/default_runtime.py'
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

to_input = [
    dict(type='RescaleToHeight', height=32, min_width=32, max_width=256, width_divisor=16),
]
pack = [
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='PackTextRecogInputs',
         meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]
# As detectors cut words: never quite the same twice.
vary = [
    dict(type='ImgAugWrapper', args=[
        dict(cls='Affine', scale=[0.9, 1.1], rotate=[-3, 3], shear=[-8, 8], mode='edge'),
        dict(cls='GaussianBlur', sigma=[0.0, 1.0]),
        dict(cls='Multiply', mul=[0.7, 1.3]),
    ]),
]
train_pipeline = [
    dict(type='CheckedLoadImageFromFile', color_type='grayscale'), *vary, *to_input, *pack]
test_pipeline = [dict(type='LoadImageFromFile', color_type='grayscale'), *to_input, *pack]

# An epoch is 25 steps of 24, whatever the number of words: as often a checkpoint is written.
train_dataloader = dict(
    batch_size=24,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='RatioSampler', ratios=[1], groups=600, shuffle=True),
    dataset=dict(type='ConcatDataset', verify_meta=False, datasets=[], pipeline=train_pipeline))
held_out = dict(
    batch_size=1,  # words differ in width
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='OCRDataset', data_root='', ann_file='', test_mode=True, pipeline=test_pipeline))
val_dataloader = held_out
test_dataloader = held_out
val_evaluator = [
    dict(type='CheckedWordMetric', mode=['exact', 'ignore_case_symbol']),
    dict(type='OneMinusNEDMetric', valid_symbol='(?!)'),  # nothing is left out but case
]
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=5.0))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=18, val_interval=18)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=18, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=25),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2))  # one of them is whole
randomness = dict(seed=0)
