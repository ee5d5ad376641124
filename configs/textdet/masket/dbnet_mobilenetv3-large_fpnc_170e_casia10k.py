_base_ = [
    '_base_/models/dbnet_mobilenetv3-large_fpnc.py',
    '_base_/datasets/casia10k.py',
    '_base_/schedules/sgd_170e.py',
]
