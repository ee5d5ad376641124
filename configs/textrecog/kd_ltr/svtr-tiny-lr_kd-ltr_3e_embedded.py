# KD-LTR with a CTC decoder: SVTR-tiny reads words of 32x128, its teacher 64x256; both rectify them
# and halve that. MMOCR publishes no weights of this size: train the teacher by MMOCR's config, or
# take svtr-small-lr_kd-ltr_3e_embedded.py.
_base_ = [
    '_base_/models/svtr-tiny_lr.py',
    '_base_/recipes/embedded-pairs.py',
    '_base_/distill/kd_ltr_ctc.py',
]

kd_ltr_losses = _base_.kd_ltr_losses
kd_ltr_losses.semantic.update(in_channels=192, hidden_channels=None, out_channels=None)

model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=_base_.model,
    teacher=dict(
        config='mmocr::textrecog/svtr/svtr-tiny_20e_st_mj.py',
        checkpoint='work_dirs/svtr-tiny_20e_st_mj/epoch_20.pth'),
    losses=kd_ltr_losses,
    visual='encoder',
    valid_steps=None,
    init_student_from_teacher=True,
    eval_mode='student')

resize = dict(
    type='PairedResize', lr_scale=(128, 32), hr_scale=(256, 64), backend='pillow',
    interpolation='bicubic')
test_pipeline = [
    _base_.load_test_image, _base_.load_label, _base_.make_pair, resize, _base_.pack
]
train_pipeline = [
    _base_.load_image, _base_.load_label, _base_.filter_label, _base_.make_pair, resize, _base_.pack
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
