_base_ = [
    '_base_/models/dbnet_resnet50_fpnc.py',
    '_base_/datasets/td500.py',
    '_base_/schedules/sgd-warmup_1200e.py',
]
