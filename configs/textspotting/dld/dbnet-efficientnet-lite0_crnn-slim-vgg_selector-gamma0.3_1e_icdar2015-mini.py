# Cheaper: compute costs three times as much. Goes on from the selector of the other price.
_base_ = 'dbnet-efficientnet-lite0_crnn-slim-vgg_selector-gamma0.1_3e_icdar2015-mini.py'

model = dict(price=3.0)
load_from = f'work_dirs/{_base_.spotter}_selector-gamma0.1_3e_icdar2015-mini/epoch_3.pth'
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
