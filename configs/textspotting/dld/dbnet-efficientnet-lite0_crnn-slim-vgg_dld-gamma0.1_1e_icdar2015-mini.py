# DLD on real photos, with the selector of the embedded data with two sizes of text. It has learnt
# before, from the same photos: it starts from the checkpoint of the config named "selector".
_base_ = [
    '../_base_/models/dbnet-efficientnet-lite0_crnn-slim-vgg.py',
    '../_base_/recipes/icdar2015-mini.py',
    '../_base_/distill/dld_official.py',
]

dld = _base_.dld
dld.selector.update(
    predicts='errors', costs=None, base_channels=64, per_image=False, input_short_edge=272)
dld.objective = dict(
    type='ErrorObjective',
    errors=dict(type='PassErrors', false_alarm_weight=0.5, threshold=0.5),
    loss=dict(type='ExpectedErrorLoss', kind='poisson', loss_weight=1.0))
dld.losses.sequence.update(search='ctc')
spotter = 'dbnet-efficientnet-lite0_crnn-slim-vgg'
name = f'{spotter}_multiscale_1e_icdar2015-mini'
model = dict(
    _delete_=True,
    type='DLDTextSpotter',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/' + name + '.py',
        checkpoint=f'work_dirs/{name}/epoch_1.pth'),
    scale_factors=None,
    test_scale=None,
    price=1.0,
    budget=None,
    train_student=True,
    **dld)
load_from = f'work_dirs/{spotter}_selector-gamma0.1_3e_icdar2015-mini/epoch_3.pth'

# For tests with model.budget.
custom_hooks = [dict(type='BudgetTableHook')]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
