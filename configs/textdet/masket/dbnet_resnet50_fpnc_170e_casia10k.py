_base_ = [
    '_base_/models/dbnet_resnet50_fpnc.py',
    '_base_/datasets/casia10k.py',
    '_base_/schedules/sgd-warmup_170e.py',
]
