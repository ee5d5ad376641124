_base_ = [
    '_base_/models/dbnet_mobilenetv3-large_fpnc.py',
    '_base_/datasets/tdtr.py',
    '_base_/schedules/sgd_1200e.py',
]
