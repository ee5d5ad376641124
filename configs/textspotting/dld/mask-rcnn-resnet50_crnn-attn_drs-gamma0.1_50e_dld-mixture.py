# DRS only: the selector without distillation.
_base_ = 'mask-rcnn-resnet50_crnn-attn_dld-gamma0.1_50e_dld-mixture.py'

model = dict(losses=dict(roi=None, context=None, sequence=None))
