# The published way to train it, with the official losses: through the one scale that was drawn, for
# one price of compute, gamma.
_base_ = [
    'dbnet-efficientnet-lite0_crnn-slim-vgg_embedded-pages.py',
    '../_base_/distill/dld_official.py',
]

dld = _base_.dld
dld.selector.update(base_channels=64, per_image=False, input_short_edge=256)
dld.pop('losses')
model = dict(
    _delete_=True, type='DLDTextSpotter', train_student=False, student=_base_.model, **dld)

# The official 50 steps of the temperature, spread over this shorter training.
custom_hooks = [dict(type='GumbelTemperatureHook', by_epoch=False, interval=10)]
optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
