# KD-LTR for a CPU without any download: the small PARSeq. Its teacher first:
# mim train mmocr configs/textrecog/parseq/parseq-mini_10e_embedded.py
_base_ = [
    '_base_/models/parseq-mini_lr.py',
    '_base_/recipes/embedded-pairs.py',
    '_base_/distill/kd_ltr_official.py',
]

kd_ltr_losses = _base_.kd_ltr_losses
kd_ltr_losses.visual.mask = 'none'
# As small as the recogniser; an LSTM over six orders would cost a fifth of the step.
kd_ltr_losses.semantic.update(
    in_channels=96, hidden_channels=None, out_channels=None, projector='mlp')

model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/../parseq/parseq-mini_10e_embedded.py',
        checkpoint='work_dirs/parseq-mini_10e_embedded/epoch_10.pth'),
    losses=kd_ltr_losses,
    visual='backbone',
    valid_steps=None,
    init_student_from_teacher=True,
    patch_init='sum_pool',
    eval_mode='student')

filter_label = dict(
    _base_.filter_label,
    charset=None,
    dictionary=dict(
        type='Dictionary', dict_file='{{ fileDirname }}/../dicts/english_digits_punctuation.txt'),
    letter_case='unchanged')
train_dataloader = dict(
    dataset=dict(
        pipeline=[_base_.load_image, _base_.load_label, filter_label, _base_.make_pair,
                  _base_.resize, _base_.pack]))
