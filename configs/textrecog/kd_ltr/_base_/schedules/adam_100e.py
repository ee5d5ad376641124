# Recipe of KD-LTR's official code: Adam with a short memory, steps after 25 epochs, twice the rate
# for what starts at random. It says 500 epochs, but after 75 the rate is 5e-8 and nothing moves.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=5e-5, betas=(0.5, 0.999), weight_decay=0.0),
    # Over all parameters; the official code leaves the projector out of the norm.
    clip_grad=dict(max_norm=0.25),
    paramwise_cfg=dict(
        custom_keys={
            'patch_embed.proj.weight': dict(lr_mult=2.0),
            'losses.semantic.projector': dict(lr_mult=2.0),
        }))
param_scheduler = [dict(type='StepLR', step_size=25, gamma=0.1, by_epoch=True)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
