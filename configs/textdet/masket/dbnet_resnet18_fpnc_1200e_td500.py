_base_ = [
    '_base_/models/dbnet_resnet18_fpnc.py',
    '_base_/datasets/td500.py',
    '_base_/schedules/sgd_1200e.py',
]
