# The same selector without ratings: each batch is spotted at every scale, in eval mode, to count.
_base_ = ['dbnet-efficientnet-lite0_crnn-slim-vgg_embedded-pages.py', '../_base_/distill/dld.py']

dld = _base_.dld
# As rate-scales counts them; crops of fixed size cost the same at every scale.
dld.selector.costs = [0.2543, 0.3165, 0.4035, 0.6520, 1.0000]
model = dict(
    _delete_=True, type='DLDTextSpotter', train_student=False, student=_base_.model, **dld)

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
