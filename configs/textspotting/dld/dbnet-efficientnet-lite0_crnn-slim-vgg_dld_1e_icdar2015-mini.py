# DLD on real photos. Its selector has learnt before, from the same photos: it starts from the
# checkpoint of the config named "selector-passes".
_base_ = [
    '../_base_/models/dbnet-efficientnet-lite0_crnn-slim-vgg.py',
    '../_base_/recipes/icdar2015-mini.py',
    '../_base_/distill/dld.py',
]

dld = _base_.dld
name = 'dbnet-efficientnet-lite0_crnn-slim-vgg_multiscale_1e_icdar2015-mini'
model = dict(
    _delete_=True,
    type='DLDTextSpotter',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/' + name + '.py',
        checkpoint=f'work_dirs/{name}/epoch_1.pth'),
    scale_factors=None,
    init_student_from_teacher=True,
    train_student=True,
    losses=_base_.losses,
    **dld)
spotter = 'dbnet-efficientnet-lite0_crnn-slim-vgg'
load_from = f'work_dirs/{spotter}_selector-passes_3e_icdar2015-mini/epoch_3.pth'

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
