# KD-LTR with a CTC decoder: CRNN reads grey words of 16x50, its teacher, with MMOCR's published
# weights, 32x100.
_base_ = [
    '_base_/models/crnn_lr.py',
    '_base_/recipes/embedded-pairs.py',
    '_base_/distill/kd_ltr_ctc.py',
]

model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=_base_.model,
    teacher=dict(
        config='mmocr::textrecog/crnn/crnn_mini-vgg_5e_mj.py',
        checkpoint='https://download.openmmlab.com/mmocr/textrecog/crnn/crnn_mini-vgg_5e_mj/'
        'crnn_mini-vgg_5e_mj_20220826_224120-8afbedbb.pth'),
    losses=_base_.kd_ltr_losses,
    visual='backbone',
    valid_steps=None,
    init_student_from_teacher=True,
    eval_mode='student')

load_image = dict(type='CheckedLoadImageFromFile', color_type='grayscale')
load_test_image = dict(type='LoadImageFromFile', color_type='grayscale')
resize = dict(
    type='PairedResize', lr_scale=(50, 16), hr_scale=(100, 32), backend='pillow',
    interpolation='bicubic')
test_pipeline = [load_test_image, _base_.load_label, _base_.make_pair, resize, _base_.pack]
train_pipeline = [
    load_image, _base_.load_label, _base_.filter_label, _base_.make_pair, resize, _base_.pack
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
