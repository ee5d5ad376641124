# A selector for a spotter that stays as it is, here the teacher of the other configs.
_base_ = 'dbnet-efficientnet-lite0_crnn-slim-vgg_dld_1e_icdar2015-mini.py'

model = dict(train_student=False, losses=dict(roi=None, context=None, sequence=None))
load_from = None

optim_wrapper = dict(optimizer=dict(lr=1e-3))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3, val_interval=3)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=3, by_epoch=True, convert_to_iter_based=True)
]
