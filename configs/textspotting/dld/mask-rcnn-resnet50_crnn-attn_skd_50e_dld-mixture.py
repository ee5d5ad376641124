# SKD only: distillation at random scales, no selector; tested at half the resolution.
_base_ = 'mask-rcnn-resnet50_crnn-attn_dld-gamma0.1_50e_dld-mixture.py'

model = dict(
    selector=None,
    objective=None,
    scale_factors=_base_.scale_factors,
    test_scale=0.5)
custom_hooks = []
