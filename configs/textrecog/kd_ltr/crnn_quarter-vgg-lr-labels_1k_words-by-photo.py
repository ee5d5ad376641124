# Labels only: the first arm of configs/compare/kd-ltr_words.py. It goes on from the weights of
# crnn_quarter-vgg-lr-start-again_2k_words-by-photo.py, as all arms do.
_base_ = ['_base_/models/crnn_quarter-vgg.py', '_base_/recipes/words-by-photo-pairs.py']

train_cfg = dict(_base_.by_iterations, max_iters=1000, val_interval=1000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-6, by_epoch=False, T_max=1000),
]
student = dict(
    _base_.model,
    init_cfg=dict(
        type='Pretrained',
        checkpoint='work_dirs/crnn_quarter-vgg-lr-start-again_2k_words-by-photo/iter_2000.pth'))
model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=student,
    losses=dict(hard=dict(type='HardLabelLoss', loss_weight=1.0)),
    visual='backbone',
    init_student_from_teacher=False)
