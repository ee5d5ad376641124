# TextZoom's small words alone, for a student as a plain recogniser: to test what was exported, to
# hand it to MMOCR's inferencer, or to train it by its own loss.
_base_ = 'textzoom.py'

load_image = dict(type='LoadImageFromFile')
load_label = dict(type='LoadOCRAnnotations', with_text=True)
resize_small = dict(
    type='Resize', scale=(64, 16), keep_ratio=False, backend='pillow', interpolation='bicubic')
pack_small = dict(
    type='PackTextRecogInputs', meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio'))

train_pipeline = [
    load_label,
    dict(type='FilterRecogText', charset='0123456789abcdefghijklmnopqrstuvwxyz',
         letter_case='lower', oov='drop', max_length=25, empty='drop'),
    resize_small,
    pack_small,
]
test_pipeline = [load_image, resize_small, load_label, pack_small]

train_dataloader = dict(
    dataset=dict(
        datasets=[dict(_base_.textzoom_train1, view='lr'),
                  dict(_base_.textzoom_train2, view='lr')],
        pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(datasets=[dict(_base_.textzoom_val, view='lr')], pipeline=test_pipeline))
test_dataloader = dict(
    dataset=dict(
        datasets=[dict(_base_.textzoom_easy, view='lr'), dict(_base_.textzoom_medium, view='lr'),
                  dict(_base_.textzoom_hard, view='lr')],
        pipeline=test_pipeline))
