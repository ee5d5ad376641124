# Student, labels only: reads words of 16x64, starts from its teacher's weights like the distilled
# one. No teacher runs along. Trains the fused reading alone, as KD-LTR does; the recogniser's own
# loss, of vision and language too, is abinet-lr-plain_100e_textzoom.py.
_base_ = ['_base_/models/abinet_lr.py', '_base_/recipes/textzoom.py']

# What converted official weights want: RGB images, one language pass (in the model), all 26 steps.
model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=dict(
        _base_.model, data_preprocessor=dict(_base_.model.data_preprocessor, bgr_to_rgb=True)),
    teacher=dict(
        config='{{ fileDirname }}/abinet-official_20e_st-an_mj.py',
        checkpoint='work_dirs/pretrained/abinet_official.pth'),
    losses=dict(hard=dict(type='HardLabelLoss', loss_weight=1.0)),
    visual='backbone.layer3',
    valid_steps=None,
    init_student_from_teacher=True,
    eval_mode='student')
# DDP: the classifiers of vision and language alone get no gradient, only the fused one is trained.
find_unused_parameters = True
