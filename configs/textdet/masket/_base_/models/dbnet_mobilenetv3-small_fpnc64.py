_base_ = ['dbnet_mobilenetv3-large_fpnc64.py']

model = dict(backbone=dict(arch='small'), neck=dict(in_channels=[16, 24, 48, 576]))
