# photos.py for recognisers that see words of one width.
_base_ = 'photos.py'

pad = [dict(type='PadToWidth', width=256)]
train_pipeline = _base_.train_pipeline[:-2] + pad + _base_.pack
test_pipeline = _base_.test_pipeline[:-2] + pad + _base_.pack
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=24, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
