# MMOCR's recipe for ResNet-50: a lower peak, reached in 100 epochs.
_base_ = 'sgd_1200e.py'

optim_wrapper = dict(optimizer=dict(lr=0.002))
param_scheduler = [
    dict(type='LinearLR', end=100, start_factor=0.001),
    dict(type='PolyLR', power=0.9, eta_min=1e-7, begin=100, end=1200),
]
