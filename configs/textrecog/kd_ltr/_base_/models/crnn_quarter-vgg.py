# A quarter of MiniVGG's channels, 2.3 M parameters: reads grey crops of 16x50 in half the time of
# crnn_slim-vgg_lr.py.
_base_ = 'crnn_slim-vgg_lr.py'

model = dict(backbone=dict(width=0.25), decoder=dict(in_channels=128))
