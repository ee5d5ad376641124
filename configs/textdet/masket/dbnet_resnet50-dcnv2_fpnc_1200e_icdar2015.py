_base_ = [
    '_base_/models/dbnet_resnet50-dcnv2_fpnc.py',
    '_base_/datasets/icdar2015.py',
    '_base_/schedules/sgd_1200e.py',
]
