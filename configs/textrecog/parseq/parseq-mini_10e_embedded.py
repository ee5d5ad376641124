# A small PARSeq on the embedded data: nothing to download, and a CPU trains it.
_base_ = [
    '../_base_/datasets/embedded.py',
    'mmocr::textrecog/_base_/default_runtime.py',
    '_base_/models/parseq-mini.py',
]
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='Resize', scale=(128, 32), keep_ratio=False, backend='pillow',
         interpolation='bicubic'),
    dict(
        type='PackTextRecogInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]
test_pipeline = train_pipeline

embedded_textrecog_train = _base_.embedded_textrecog_train
embedded_textrecog_train.pipeline = train_pipeline
embedded_textrecog_val = _base_.embedded_textrecog_val
embedded_textrecog_val.pipeline = test_pipeline
embedded_textrecog_test = _base_.embedded_textrecog_test
embedded_textrecog_test.pipeline = test_pipeline

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=embedded_textrecog_train)
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=embedded_textrecog_val)
test_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=embedded_textrecog_test)

val_evaluator = dict(
    metrics=[
        dict(type='CheckedWordMetric', mode=['exact', 'ignore_case', 'ignore_case_symbol']),
        dict(type='CheckedCharMetric'),
    ],
    dataset_prefixes=['embedded'])
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.0),
    clip_grad=dict(max_norm=20))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=10, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='LinearLR', start_factor=0.04, by_epoch=False, begin=0, end=150),
    dict(
        type='CosineAnnealingLR',
        T_max=10,
        eta_min=0.0,
        by_epoch=True,
        begin=0,
        end=10,
        convert_to_iter_based=True),
]
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=20),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1))
randomness = dict(seed=0)
