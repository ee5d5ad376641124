# Teacher, and start of the student: short edges from 320 to 896, as in DLD's first stage. Starts
# from the weights MMOCR publishes for fine-tuning. MMOCR's project cannot train ABCNet by itself;
# DLDTextSpotter at the one scale of 1 is what trains it here.
_base_ = ['../_base_/models/abcnet_resnet50_fpn.py', '../_base_/recipes/abcnet-icdar2015.py']

model = dict(
    _delete_=True,
    type='DLDTextSpotter',
    student=_base_.model,
    selector=None,
    teacher=None,
    scale_factors=[1.0])
load_from = 'https://download.openmmlab.com/mmocr/textspotting/abcnet/abcnet_resnet50_fpn_500e_icdar2015/abcnet_resnet50_fpn_pretrain-d060636c.pth'  # noqa

sizes = list(range(320, 897, 64))
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
    dict(type='LinearLR', start_factor=1 / 3, end=500, by_epoch=False),
    dict(type='MultiStepLR', milestones=[60, 80], end=100),
]
