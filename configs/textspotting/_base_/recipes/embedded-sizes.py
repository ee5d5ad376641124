# Recipe of everything trained on the embedded data with two sizes of text: 1,200 images, batches of
# four, Adam. What is trained, and how long, is up to the configs.
_base_ = ['../datasets/embedded-sizes.py', 'mmocr::textdet/_base_/default_runtime.py']
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

load_image = dict(type='LoadImageFromFile')
load_words = dict(
    type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True, with_text=True)
resize = dict(type='Resize', scale=(448, 448), keep_ratio=True)
pack = dict(
    type='PackTextSpottingInputs',
    meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor'))

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=_base_.embedded_sizes_train,
        pipeline=[load_image, load_words, resize, pack]))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=_base_.embedded_sizes_val,
        pipeline=[load_image, resize, load_words, pack]))
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=_base_.embedded_sizes_test,
        pipeline=[load_image, resize, load_words, pack]))

val_evaluator = [
    dict(type='E2ETextSpottingMetric', protocols=['e2e', 'word_spotting'], lexicons=dict(none=None))
]
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=5e-4),
    clip_grad=dict(max_norm=35.0, norm_type=2))
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=20),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1))
visualizer = dict(type='TextSpottingLocalVisualizer')
randomness = dict(seed=0)
