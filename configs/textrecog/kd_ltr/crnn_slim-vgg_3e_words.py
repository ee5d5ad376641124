# Teacher: reads words of 32x100. From scratch, some 5,900 iterations.
_base_ = ['_base_/models/crnn_slim-vgg.py', '_base_/recipes/words-hr.py']

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3, val_interval=1)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=200, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-6, by_epoch=True, T_max=3,
         convert_to_iter_based=True),
]
