# sgd-warmup_1200e.py for CASIA-10K: 14 epochs of warm-up are the same number of iterations.
_base_ = 'sgd_170e.py'

optim_wrapper = dict(optimizer=dict(lr=0.002))
param_scheduler = [
    dict(type='LinearLR', end=14, start_factor=0.001),
    dict(type='PolyLR', power=0.9, eta_min=1e-7, begin=14, end=170),
]
