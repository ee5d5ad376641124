_base_ = [
    '_base_/models/dbnet_mobilenetv3-large_fpnc_fitnet.py',
    '_base_/datasets/totaltext.py',
    '_base_/schedules/sgd_1200e.py',
]

_base_.model.det_head.postprocessor.text_repr_type = 'poly'

model = dict(
    teacher=dict(
        config='{{ fileDirname }}/dbnet_resnet50_fpnc_1200e_totaltext.py',
        checkpoint='work_dirs/dbnet_resnet50_fpnc_1200e_totaltext/epoch_1200.pth'))
