# Student with KD-LTR, otherwise as abinet-lr_100e_textzoom.py.
_base_ = ['abinet-lr_100e_textzoom.py', '_base_/distill/kd_ltr_official.py']

model = dict(losses=dict(_delete_=True, **_base_.kd_ltr_losses))
