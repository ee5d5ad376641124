# DRS only: the selector without distillation.
_base_ = 'dbnet-mobilenetv3-large_crnn-slim-vgg_dld-gamma0.1_1e_embedded-sizes.py'

model = dict(losses=dict(roi=None, context=None, sequence=None))
