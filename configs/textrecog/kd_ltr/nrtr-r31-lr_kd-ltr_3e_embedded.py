# KD-LTR with an autoregressive decoder: NRTR reads words of 16x80, its teacher, with MMOCR's
# published weights, 32x160. Words keep their proportions, so both are cut from one padded canvas.
_base_ = [
    '_base_/models/nrtr-r31_lr.py',
    '_base_/recipes/embedded-pairs.py',
    '_base_/distill/kd_ltr_official.py',
]

model = dict(
    _delete_=True,
    type='LowResRecognizerDistiller',
    student=_base_.model,
    teacher=dict(
        config='mmocr::textrecog/nrtr/nrtr_resnet31-1by16-1by8_6e_st_mj.py',
        checkpoint='https://download.openmmlab.com/mmocr/textrecog/nrtr/'
        'nrtr_resnet31-1by16-1by8_6e_st_mj/'
        'nrtr_resnet31-1by16-1by8_6e_st_mj_20220920_143358-43767036.pth'),
    losses=_base_.kd_ltr_losses,
    visual='backbone',
    valid_steps=None,
    init_student_from_teacher=True,
    eval_mode='student')

filter_label = dict(
    type='FilterRecogText', dictionary=_base_.dictionary, letter_case='unchanged', oov='drop',
    max_length=28, empty='drop')
to_canvas = [
    dict(type='RescaleToHeight', height=32, min_width=32, max_width=160, width_divisor=16),
    dict(type='PadToWidth', width=160),
]
make_pair = dict(type='SynthesizeLR', scale=2, backend='pillow', interpolation='bicubic')
test_pipeline = [
    _base_.load_test_image, *to_canvas, make_pair, _base_.load_label, _base_.pack
]
train_pipeline = [
    _base_.load_image, _base_.load_label, filter_label, *to_canvas, make_pair, _base_.pack
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
