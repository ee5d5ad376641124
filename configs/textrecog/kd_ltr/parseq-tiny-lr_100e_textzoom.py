# Student, labels only: reads words of 16x64, starts from its teacher's weights like the distilled
# one. No teacher runs along.
_base_ = ['_base_/models/parseq-tiny_lr.py', '_base_/recipes/textzoom-94.py']

model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/../parseq/parseq-tiny_20e_st_mj.py',
        checkpoint='work_dirs/pretrained/parseq-tiny_official.pth'),
    losses=dict(hard=dict(type='HardLabelLoss', loss_weight=1.0)),
    visual='backbone',
    valid_steps=None,
    init_student_from_teacher=True,
    patch_init='sum_pool',  # KD-LTR's official code: 'random'
    eval_mode='student')
