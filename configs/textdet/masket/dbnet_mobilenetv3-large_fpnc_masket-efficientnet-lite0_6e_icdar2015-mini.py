_base_ = [
    'dbnet_mobilenetv3-large_fpnc_6e_icdar2015-mini.py',
    '_base_/distill/masket.py',
]

_base_.custom_hooks[0].teacher = dict(
    config='{{ fileDirname }}/dbnet_efficientnet-lite0_fpnc_30e_icdar2015-mini.py',
    checkpoint='work_dirs/dbnet_efficientnet-lite0_fpnc_30e_icdar2015-mini/epoch_30.pth')
