# The rival of distillation: PP-OCR's boxes as labels of the photos, and no teacher in training.
_base_ = [
    '_base_/models/dbnet_mobilenetv3-large_fpnc_prepared.py',
    '_base_/datasets/td500-photos.py',
    '_base_/schedules/sgd_1200e.py',
]

_base_.train_dataloader.dataset.datasets = [_base_.labelled, _base_.pseudo]
custom_hooks = [dict(type='ChannelsLastHook')]
