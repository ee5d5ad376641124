# Recipe shared by every run on the embedded data. It is varied enough as it is and costs nothing,
# so there is no augmentation and each image is seen once. Small images in small batches: what a
# network that starts from nothing needs most is many steps.
_base_ = [
    '../../../_base_/datasets/embedded.py',
    'mmocr::textdet/_base_/default_runtime.py',
]
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True),
    dict(type='PackTextDetInputs', meta_keys=('img_path', 'ori_shape', 'img_shape')),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(320, 320), keep_ratio=True),
    dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True),
    dict(
        type='PackTextDetInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]

embedded_textdet_train = _base_.embedded_textdet_train
embedded_textdet_train.update(num_images=2400, image_size=(192, 192), pipeline=train_pipeline)
embedded_textdet_val = _base_.embedded_textdet_val
embedded_textdet_val.pipeline = test_pipeline
embedded_textdet_test = _base_.embedded_textdet_test
embedded_textdet_test.pipeline = test_pipeline

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=embedded_textdet_train)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=embedded_textdet_val)
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=embedded_textdet_test)

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=3e-3))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=1, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=20),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1))
randomness = dict(seed=0)
