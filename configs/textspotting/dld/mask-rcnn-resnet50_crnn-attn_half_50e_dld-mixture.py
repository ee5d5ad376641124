# Baseline: a student of half the resolution, without selector and distillation.
_base_ = 'mask-rcnn-resnet50_crnn-attn_dld-gamma0.1_50e_dld-mixture.py'

model = dict(
    selector=None,
    objective=None,
    losses=dict(roi=None, context=None, sequence=None),
    scale_factors=[0.5])
custom_hooks = []
