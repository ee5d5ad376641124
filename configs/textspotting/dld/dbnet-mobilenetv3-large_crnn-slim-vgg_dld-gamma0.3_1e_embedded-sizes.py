# Cheaper and less accurate: compute costs three times as much.
_base_ = 'dbnet-mobilenetv3-large_crnn-slim-vgg_dld-gamma0.1_1e_embedded-sizes.py'

model = dict(price=3.0)
load_from = f'work_dirs/{_base_.spotter}_selector-gamma0.3_1e_embedded-sizes/epoch_1.pth'
