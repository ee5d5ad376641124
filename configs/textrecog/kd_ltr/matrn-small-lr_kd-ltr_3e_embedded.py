# KD-LTR for a CPU without any download: the small MATRN. Its teacher first:
# mim train mmocr configs/textrecog/matrn/matrn-small_8e_embedded.py
_base_ = [
    '_base_/models/matrn-small_lr.py',
    '_base_/recipes/embedded-pairs.py',
    '_base_/distill/kd_ltr_official.py',
]

kd_ltr_losses = _base_.kd_ltr_losses
kd_ltr_losses.semantic.update(in_channels=128, hidden_channels=None, out_channels=None)

model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/../matrn/matrn-small_8e_embedded.py',
        checkpoint='work_dirs/matrn-small_8e_embedded/epoch_8.pth'),
    losses=kd_ltr_losses,
    visual='backbone.layer3',
    valid_steps=None,
    init_student_from_teacher=True,
    eval_mode='student')
# DDP: the classifiers of vision and language alone get no gradient, only the fused one is trained.
find_unused_parameters = True
