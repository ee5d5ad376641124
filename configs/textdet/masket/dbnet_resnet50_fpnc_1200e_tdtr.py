_base_ = [
    '_base_/models/dbnet_resnet50_fpnc.py',
    '_base_/datasets/tdtr.py',
    '_base_/schedules/sgd-warmup_1200e.py',
]
