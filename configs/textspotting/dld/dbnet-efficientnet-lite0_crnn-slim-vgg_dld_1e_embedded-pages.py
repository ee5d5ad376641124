# DLD: student and selector learn together. The student sees each page at a scale that is drawn and
# reads it as its teacher reads the full page; the selector learns its errors at all scales.
_base_ = [
    'dbnet-efficientnet-lite0_crnn-slim-vgg_embedded-pages.py',
    '../_base_/distill/dld.py',
]

dld = _base_.dld
# As rate-scales counts them; crops of fixed size cost the same at every scale.
dld.selector.costs = [0.2543, 0.3165, 0.4035, 0.6520, 1.0000]
name = 'dbnet-efficientnet-lite0_crnn-slim-vgg_multiscale_1e_embedded-pages'
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

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
