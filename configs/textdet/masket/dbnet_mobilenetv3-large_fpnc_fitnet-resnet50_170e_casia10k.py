_base_ = [
    '_base_/models/dbnet_mobilenetv3-large_fpnc_fitnet.py',
    '_base_/datasets/casia10k.py',
    '_base_/schedules/sgd_170e.py',
]

model = dict(
    teacher=dict(
        config='{{ fileDirname }}/dbnet_resnet50_fpnc_170e_casia10k.py',
        checkpoint='work_dirs/dbnet_resnet50_fpnc_170e_casia10k/epoch_170.pth'))
