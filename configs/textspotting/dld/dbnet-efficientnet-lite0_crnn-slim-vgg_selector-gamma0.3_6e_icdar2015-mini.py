# Cheaper: compute costs three times as much.
_base_ = 'dbnet-efficientnet-lite0_crnn-slim-vgg_selector-gamma0.1_6e_icdar2015-mini.py'

model = dict(losses=dict(cost=dict(loss_weight=0.3)))
