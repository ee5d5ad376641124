# As abinet-lr_kd-ltr_100e_textzoom.py, for a teacher that is often unsure.
_base_ = ['abinet-lr_100e_textzoom.py', '_base_/distill/kd_ltr_robust.py']

model = dict(losses=dict(_delete_=True, **_base_.kd_ltr_losses))
