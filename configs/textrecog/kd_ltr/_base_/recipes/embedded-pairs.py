# Small runs on words that are rendered on the fly: nothing to prepare. Pairs are made from one
# image. Here: crops of 16x64 and 32x128 in colour with digits and lower-case letters; what reads
# otherwise replaces the pipelines.
_base_ = [
    '../../../_base_/datasets/embedded.py',
    'mmocr::textrecog/_base_/default_runtime.py',
]
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

load_image = dict(type='CheckedLoadImageFromFile', color_type='color')
# MMOCR's inferencers put their own loader in its place, and know it by this name.
load_test_image = dict(type='LoadImageFromFile', color_type='color')
load_label = dict(type='LoadOCRAnnotations', with_text=True)
filter_label = dict(
    type='FilterRecogText', charset='0123456789abcdefghijklmnopqrstuvwxyz', letter_case='lower',
    oov='drop', max_length=25, empty='drop')
# 1: PairedResize shrinks from the photo at once.
make_pair = dict(type='SynthesizeLR', scale=1)
resize = dict(
    type='PairedResize', lr_scale=(64, 16), hr_scale=(128, 32), backend='pillow',
    interpolation='bicubic')
pack = dict(
    type='PackPairedTextRecogInputs',
    meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio'))
test_pipeline = [load_test_image, load_label, make_pair, resize, pack]

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        _base_.embedded_textrecog_train,
        pipeline=[load_image, load_label, filter_label, make_pair, resize, pack]))
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.embedded_textrecog_val, pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.embedded_textrecog_test, pipeline=test_pipeline))

val_evaluator = dict(
    type='MultiDatasetsEvaluator',
    metrics=[dict(type='CheckedWordMetric', mode=['exact', 'ignore_case', 'ignore_case_symbol'])],
    dataset_prefixes=['embedded'])
test_evaluator = val_evaluator

# The student starts as its teacher: a smaller rate than for training one, and few epochs.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=2e-4, betas=(0.5, 0.999), weight_decay=0.0),
    clip_grad=dict(max_norm=5.0),
    paramwise_cfg=dict(
        custom_keys={
            'patch_embed.proj.weight': dict(lr_mult=2.0),
            'losses.semantic.projector': dict(lr_mult=2.0),
        }))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=3, eta_min=1e-6, by_epoch=True,
         convert_to_iter_based=True),
]
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=20),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1))
randomness = dict(seed=0)
