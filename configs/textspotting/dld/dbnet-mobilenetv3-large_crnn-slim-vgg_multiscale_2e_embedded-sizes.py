# Teacher, and start of all students: sees images at all sizes from 0.3 of the full resolution on.
# Its parts were trained alone; how, is in the README beside this file.
_base_ = [
    '../_base_/models/dbnet-mobilenetv3-large_crnn-slim-vgg.py',
    '../_base_/recipes/embedded-sizes.py',
]

detector = 'mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k'
recognizer = 'work_dirs/crnn_slim-vgg_3e_words/epoch_3.pth'
model = dict(
    detector=dict(init_cfg=dict(type='Pretrained', checkpoint=detector)),
    recognizer=dict(init_cfg=dict(type='Pretrained', checkpoint=recognizer)))

sizes = [134, 192, 256, 320, 384, 448]
train_dataloader = dict(
    dataset=dict(pipeline=[
        _base_.load_image, _base_.load_words,
        dict(
            type='RandomChoiceResize',
            scales=[(size, size) for size in sizes],
            keep_ratio=True,
            resize_type='Resize'), _base_.pack
    ]))

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=2, by_epoch=True, convert_to_iter_based=True)
]
