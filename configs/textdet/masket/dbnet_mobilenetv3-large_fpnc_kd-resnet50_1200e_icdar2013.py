_base_ = ['dbnet_mobilenetv3-large_fpnc_1200e_icdar2013.py', '_base_/distill/kd.py']

_base_.custom_hooks[0].teacher = dict(
    config='{{ fileDirname }}/dbnet_resnet50_fpnc_1200e_icdar2013.py',
    checkpoint='work_dirs/dbnet_resnet50_fpnc_1200e_icdar2013/epoch_1200.pth')
