# Baseline: channel-wise distillation (Shu et al.), a softmax over the positions of the map.
_base_ = 'masket.py'

_base_.custom_hooks[0].loss = dict(type='CWDLoss', loss_weight=1.0, temperature=4.0)
