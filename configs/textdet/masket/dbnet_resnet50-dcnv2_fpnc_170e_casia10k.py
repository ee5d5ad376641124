_base_ = [
    '_base_/models/dbnet_resnet50-dcnv2_fpnc.py',
    '_base_/datasets/casia10k.py',
    '_base_/schedules/sgd_170e.py',
]
