# Cheaper and less accurate: compute costs three times as much.
_base_ = 'mask-rcnn-resnet50_crnn-attn_dld-paper-gamma0.1_50e_dld-mixture.py'

model = dict(objective=dict(cost=dict(loss_weight=0.3)))
