# Cheaper: compute costs three times as much.
_base_ = 'dbnet-mobilenetv3-large_crnn-slim-vgg_selector-gamma0.1_4e_embedded-sizes.py'

model = dict(losses=dict(cost=dict(loss_weight=0.3)))
