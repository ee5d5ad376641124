# DLD of ABCNet as in the official code, gamma 0.1: images of one size, short edge 896, that the
# selector shrinks. The teacher is a plain ABCNet with the weights of the multi-scale training.
_base_ = [
    '../_base_/models/abcnet_resnet50_fpn.py',
    '../_base_/recipes/abcnet-icdar2015.py',
    '../_base_/distill/dld_official.py',
]

dld = _base_.dld
name = 'abcnet_resnet50-fpn_multiscale_100e_icdar2015'
model = dict(
    _delete_=True,
    type='DLDTextSpotter',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/../_base_/models/abcnet_resnet50_fpn.py',
        checkpoint=f'work_dirs/{name}/epoch_100.pth'),
    scale_factors=None,
    test_scale=None,
    **dld)

train_dataloader = dict(
    dataset=dict(pipeline=[
        _base_.load_image, _base_.load_words, *_base_.augment,
        dict(type='Resize', scale=(1600, 896), keep_ratio=True), _base_.pack
    ]))

custom_hooks = [dict(type='GumbelTemperatureHook', by_epoch=True)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=50, val_interval=10)
param_scheduler = [dict(type='MultiStepLR', milestones=[30, 40], end=50)]
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
