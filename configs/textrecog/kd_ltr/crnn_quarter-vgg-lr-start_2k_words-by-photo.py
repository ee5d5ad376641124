# Where the arms of configs/compare/kd-ltr_words.py start: reads words of 16x50, from scratch, half
# of its words rendered ones. Validation and test words are no part of it.
_base_ = ['_base_/models/crnn_quarter-vgg.py', '_base_/recipes/words-by-photo-pairs.py']

rendered = dict(_base_.embedded_words_train, indices=None, pipeline=_base_.embedded_pipeline)
train_dataloader = dict(
    sampler=dict(ratios=[3, 1, 4]),
    dataset=dict(datasets=[*_base_.labelled_words, rendered]))
train_cfg = dict(_base_.by_iterations, max_iters=2000, val_interval=1000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=200, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-5, by_epoch=False, T_max=2000),
]
model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=_base_.model,
    losses=dict(hard=dict(type='HardLabelLoss', loss_weight=1.0)),
    visual='backbone',
    init_student_from_teacher=False)
