# Baseline: soft-target distillation (Hinton et al.) of the two-class pixel task, over all pixels.
_base_ = 'masket.py'

_base_.custom_hooks[0].loss = dict(
    type='BinaryKDLoss',
    loss_weight=1.0,
    temperature=1.0,
    mask='none',
    reduction='mask',
    include_ignored=False,
    mask_threshold=0.3,
    mask_dilation=8)
