# Student with KD-LTR, otherwise as parseq-tiny-lr_100e_textzoom.py. Its features are tokens
# without an attention map; characters are compared in each of the reading orders.
_base_ = ['parseq-tiny-lr_100e_textzoom.py', '_base_/distill/kd_ltr_official.py']

kd_ltr_losses = _base_.kd_ltr_losses
kd_ltr_losses.visual.mask = 'none'
kd_ltr_losses.semantic.in_channels = 192

model = dict(losses=dict(_delete_=True, **kd_ltr_losses))
