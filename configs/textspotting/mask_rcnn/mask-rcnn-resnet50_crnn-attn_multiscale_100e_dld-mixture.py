# Stage 1 of DLD: the teacher, and start of all students. Sees images at all sizes from 320 on.
_base_ = [
    '../_base_/models/mask-rcnn-resnet50_crnn-attn.py',
    '../_base_/recipes/dld-mixture.py',
]

sizes = [320, 384, 448, 512, 576, 640, 704, 768, 832, 896]
train_dataloader = dict(
    dataset=dict(pipeline=[
        _base_.load_image, _base_.load_words, *_base_.augment,
        dict(
            type='RandomChoiceResize',
            scales=[(1600, size) for size in sizes],
            keep_ratio=True,
            resize_type='Resize'), _base_.pack
    ]))

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=100, val_interval=10)
param_scheduler = [
    dict(type='LinearLR', start_factor=1.0 / 3, begin=0, end=500, by_epoch=False),
    dict(type='MultiStepLR', milestones=[60, 80], gamma=0.1, end=100, by_epoch=True),
]
