# The same with a backbone that takes a quarter of the operations.
_base_ = 'dbnet-mobilenetv3-large_crnn-slim-vgg.py'

model = dict(
    detector=dict(backbone=dict(arch='small'), neck=dict(in_channels=[16, 24, 48, 576])))
