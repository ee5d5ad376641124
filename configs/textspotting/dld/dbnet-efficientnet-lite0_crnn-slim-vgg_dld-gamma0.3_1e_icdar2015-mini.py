# Cheaper and less accurate: compute costs three times as much.
_base_ = 'dbnet-efficientnet-lite0_crnn-slim-vgg_dld-gamma0.1_1e_icdar2015-mini.py'

model = dict(price=3.0)
load_from = f'work_dirs/{_base_.spotter}_selector-gamma0.3_1e_icdar2015-mini/epoch_1.pth'
