_base_ = ['dbnet_mobilenetv3-large_fpnc_1200e_icdar2015.py', '_base_/distill/masket.py']

_base_.custom_hooks[0].teacher = dict(
    config='{{ fileDirname }}/dbnet_resnet50_fpnc_1200e_icdar2015.py',
    checkpoint='work_dirs/dbnet_resnet50_fpnc_1200e_icdar2015/epoch_1200.pth')
