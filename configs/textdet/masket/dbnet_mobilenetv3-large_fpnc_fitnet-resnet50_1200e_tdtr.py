_base_ = [
    '_base_/models/dbnet_mobilenetv3-large_fpnc_fitnet.py',
    '_base_/datasets/tdtr.py',
    '_base_/schedules/sgd_1200e.py',
]

model = dict(
    teacher=dict(
        config='{{ fileDirname }}/dbnet_resnet50_fpnc_1200e_tdtr.py',
        checkpoint='work_dirs/dbnet_resnet50_fpnc_1200e_tdtr/epoch_1200.pth'))
