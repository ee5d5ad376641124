# Student, labels only: reads words of 16x50, starts from its teacher's weights like the distilled
# one. No teacher runs along.
_base_ = [
    '_base_/models/crnn_slim-vgg_lr.py',
    '_base_/recipes/words-pairs.py',
]

model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/crnn_slim-vgg_3e_words.py',
        checkpoint='work_dirs/crnn_slim-vgg_3e_words/epoch_3.pth'),
    losses=dict(hard=dict(type='HardLabelLoss', loss_weight=1.0)),
    visual='backbone',
    valid_steps=None,
    init_student_from_teacher=True,
    eval_mode='student')

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2, val_interval=2)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-6, by_epoch=True, T_max=2,
         convert_to_iter_based=True),
]
