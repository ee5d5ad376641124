# Teacher, and start of all students, on real photos at all sizes from 0.3 of the full one on. Its
# parts were trained alone; how, is in the README beside this file.
_base_ = [
    '../_base_/models/dbnet-efficientnet-lite0_crnn-slim-vgg.py',
    '../_base_/recipes/icdar2015-mini.py',
]

detector = 'work_dirs/dbnet_efficientnet-lite0_fpnc_30e_icdar2015-mini/epoch_30.pth'
recognizer = 'work_dirs/crnn_slim-vgg_3e_words-off-icdar2015-mini/epoch_3.pth'
model = dict(
    detector=dict(init_cfg=dict(type='Pretrained', checkpoint=detector)),
    recognizer=dict(init_cfg=dict(type='Pretrained', checkpoint=recognizer)))

sizes = [(288, 164), (384, 218), (480, 272), (576, 326), (672, 381), (768, 435), (960, 544)]
train_dataloader = dict(
    dataset=dict(pipeline=[
        _base_.load_image, _base_.load_words,
        dict(
            type='RandomChoiceResize', scales=sizes, keep_ratio=True, resize_type='Resize'),
        _base_.pack
    ]))

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
