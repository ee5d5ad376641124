# A selector in front of a detector that stays as it is: each batch is looked at at every scale, in
# eval mode, to count the lines that are missed.
_base_ = [
    '../masket/_base_/models/dbnet_efficientnet-lite0_fpnc64.py',
    '_base_/recipes/td500-mini.py',
    '../../textspotting/_base_/distill/dld.py',
]

_base_.pop('losses')  # of spotters
_base_.model.backbone.init_cfg = None  # all of it comes from load_from
# As rate-scales counts them at 960x1280.
_base_.dld.selector.costs = [0.0667, 0.1500, 0.2500, 0.5750, 1.0000]
model = dict(
    _delete_=True,
    type='DLDTextDetector',
    train_student=False,
    detector=_base_.model,
    **_base_.dld)
load_from = 'work_dirs/dbnet_efficientnet-lite0_fpnc64_masket-ppocr_30e_td500-mini/epoch_30.pth'

optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(max_epochs=5, val_interval=5)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=5, by_epoch=True, convert_to_iter_based=True)
]
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
