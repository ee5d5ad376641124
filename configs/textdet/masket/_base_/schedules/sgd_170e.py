# The same recipe for CASIA-10K, in iterations instead of epochs: 170 epochs of 438 batches are the
# 75 000 iterations that 1200 epochs of 63 batches are on ICDAR2015.
_base_ = 'sgd_1200e.py'

train_cfg = dict(max_epochs=170, val_interval=5)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-7, end=170)]
default_hooks = dict(checkpoint=dict(interval=5))
