# Recipe shared by spotters on the embedded data. It is varied enough as it is and costs nothing, so
# there is no augmentation. Small images in small batches: what networks that start from nothing
# need most is many steps.
_base_ = ['../datasets/embedded.py', 'mmocr::textdet/_base_/default_runtime.py']
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

load_image = dict(type='LoadImageFromFile')
load_words = dict(
    type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True, with_text=True)
resize = dict(type='Resize', scale=(320, 320), keep_ratio=True)

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        _base_.embedded_textspotting_train,
        num_images=2400,
        image_size=(192, 192),
        pipeline=[
            load_image, load_words,
            dict(type='PackTextSpottingInputs', meta_keys=('img_path', 'ori_shape', 'img_shape'))
        ]))
pack = dict(
    type='PackTextSpottingInputs',
    meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor'))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.embedded_textspotting_val, pipeline=[load_image, resize, load_words, pack]))
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        _base_.embedded_textspotting_test, pipeline=[load_image, resize, load_words, pack]))

val_evaluator = dict(
    type='E2ETextSpottingMetric', protocols=['e2e', 'word_spotting'], lexicons=dict(none=None))
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=2e-3),
    paramwise_cfg=dict(custom_keys={'recognizer': dict(lr_mult=0.5)}),
    clip_grad=dict(max_norm=35.0, norm_type=2))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=5, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=5, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=20),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1))
visualizer = dict(type='TextSpottingLocalVisualizer')
randomness = dict(seed=0)
