# Student, labels only: reads words of 16x64, starts from its teacher's weights like the distilled
# one. No teacher runs along. Trains the fused reading alone, as KD-LTR does; the recogniser's own
# loss, of vision and language too, is matrn-lr-plain_100e_textzoom.py.
_base_ = ['_base_/models/matrn_lr.py', '_base_/recipes/textzoom.py']

model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/../matrn/matrn_10e_st_mj.py',
        checkpoint='work_dirs/pretrained/matrn_official.pth'),
    losses=dict(hard=dict(type='HardLabelLoss', loss_weight=1.0)),
    visual='backbone.layer3',
    valid_steps=None,
    init_student_from_teacher=True,
    eval_mode='student')
# DDP: the classifiers of vision and language alone get no gradient, only the fused one is trained.
find_unused_parameters = True
