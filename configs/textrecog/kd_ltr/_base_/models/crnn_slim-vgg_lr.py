# Reads grey crops of 16x50: without the first pooling all later features are as large as its
# teacher's.
_base_ = 'crnn_slim-vgg.py'

model = dict(backbone=dict(stem_pool=False))
