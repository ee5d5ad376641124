# What every data set shares: the pipelines of MMOCR's DBNet (640x640 crops; tests at 1333x736,
# ratio kept) and its data loaders. A data set file adds the data sets.
_base_ = 'mmocr::textdet/dbnet/_base_dbnet_resnet18_fpnc.py'

_base_.pop('model')

train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader
