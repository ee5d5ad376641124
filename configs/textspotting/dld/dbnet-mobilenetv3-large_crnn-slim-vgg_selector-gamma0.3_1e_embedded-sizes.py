# Cheaper: compute costs three times as much. Goes on from the selector of the other price.
_base_ = 'dbnet-mobilenetv3-large_crnn-slim-vgg_selector-gamma0.1_4e_embedded-sizes.py'

model = dict(price=3.0)
load_from = f'work_dirs/{_base_.spotter}_selector-gamma0.1_4e_embedded-sizes/epoch_4.pth'
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
