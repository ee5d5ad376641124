# A small MATRN on the embedded data: nothing to download, and a CPU trains it.
_base_ = [
    '../_base_/datasets/embedded.py',
    'mmocr::textrecog/_base_/default_runtime.py',
    '_base_/models/matrn-small.py',
]
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='Resize', scale=(128, 32)),
    dict(
        type='PackTextRecogInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]
test_pipeline = train_pipeline

embedded_textrecog_train = _base_.embedded_textrecog_train
embedded_textrecog_train.update(num_images=500, pipeline=train_pipeline)
embedded_textrecog_val = _base_.embedded_textrecog_val
embedded_textrecog_val.pipeline = test_pipeline
embedded_textrecog_test = _base_.embedded_textrecog_test
embedded_textrecog_test.pipeline = test_pipeline

train_dataloader = dict(
    batch_size=16,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=embedded_textrecog_train)
val_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=embedded_textrecog_val)
test_dataloader = dict(
    batch_size=32,
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
    type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-3), clip_grad=dict(max_norm=20))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=8, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [dict(type='MultiStepLR', milestones=[6], gamma=0.1, end=8)]
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=20),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1))
randomness = dict(seed=0)
