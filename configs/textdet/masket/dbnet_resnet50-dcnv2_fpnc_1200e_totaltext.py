_base_ = [
    '_base_/models/dbnet_resnet50-dcnv2_fpnc.py',
    '_base_/datasets/totaltext.py',
    '_base_/schedules/sgd_1200e.py',
]

_base_.model.det_head.postprocessor.text_repr_type = 'poly'
