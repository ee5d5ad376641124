# What the recipes of a selector in front of a detector share: whole images in batches of four,
# Adam, one epoch. Which images, how they are loaded, and what is trained is up to who builds on it.
_base_ = 'mmocr::textdet/_base_/default_runtime.py'
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False))

val_evaluator = [dict(type='HmeanIOUMetric')]
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=5e-4),
    clip_grad=dict(max_norm=35.0, norm_type=2))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=20),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1))
visualizer = dict(type='TextDetLocalVisualizer')
randomness = dict(seed=0)
