# DLD on real photos. The selector as for the embedded data with two sizes of text.
_base_ = [
    '../_base_/models/dbnet-efficientnet-lite0_crnn-slim-vgg.py',
    '../_base_/recipes/icdar2015-mini.py',
    '../_base_/distill/dld_official.py',
]

dld = _base_.pop('dld')
dld.selector.update(
    base_channels=64, norm_cfg=dict(type='GN', num_groups=8), input_short_edge=272)
dld.losses.accuracy.update(combine='loss')
dld.losses.sequence.update(search='ctc')
name = 'dbnet-efficientnet-lite0_crnn-slim-vgg_multiscale_1e_icdar2015-mini'
model = dict(
    type='DLDTextSpotter',
    student=_base_.pop('model'),
    teacher=dict(
        config='{{ fileDirname }}/' + name + '.py',
        checkpoint=f'work_dirs/{name}/epoch_1.pth'),
    scale_factors=None,
    test_scale=None,
    **dld)

# The official 50 steps of the temperature, spread over the iterations of this training.
custom_hooks = [dict(type='GumbelTemperatureHook', by_epoch=False, interval=2)]
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'selector': dict(lr_mult=5.0)}))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
