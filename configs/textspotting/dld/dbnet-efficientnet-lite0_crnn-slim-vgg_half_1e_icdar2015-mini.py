# Baseline: a student of half the resolution, without selector and distillation.
_base_ = 'dbnet-efficientnet-lite0_crnn-slim-vgg_dld_1e_icdar2015-mini.py'

model = dict(
    selector=None,
    objective=None,
    losses=dict(roi=None, context=None, sequence=None),
    scale_factors=[0.5])
custom_hooks = []
load_from = None
