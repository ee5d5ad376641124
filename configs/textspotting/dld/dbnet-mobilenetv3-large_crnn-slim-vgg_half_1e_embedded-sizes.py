# Baseline: a student of half the resolution, without selector and distillation.
_base_ = 'dbnet-mobilenetv3-large_crnn-slim-vgg_dld-gamma0.1_1e_embedded-sizes.py'

model = dict(
    selector=None,
    objective=None,
    price=None,
    losses=dict(roi=None, context=None, sequence=None),
    scale_factors=[0.5])
custom_hooks = []
load_from = None
