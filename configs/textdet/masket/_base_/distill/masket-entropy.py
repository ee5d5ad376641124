# Ablation: the masked entropy term alone, without soft targets.
_base_ = 'masket.py'

_base_.custom_hooks[0].loss.kd_weight = 0.0
