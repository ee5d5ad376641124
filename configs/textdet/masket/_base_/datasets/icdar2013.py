# ICDAR2013, challenge 2: 229 training and 233 test images, horizontal words.
_base_ = ['../../../_base_/datasets/icdar2013.py', 'loaders.py']

_base_.icdar2013_textdet_train.pipeline = _base_.train_pipeline
_base_.icdar2013_textdet_test.pipeline = _base_.test_pipeline
train_dataloader = dict(dataset=_base_.icdar2013_textdet_train)
val_dataloader = dict(dataset=_base_.icdar2013_textdet_test)
test_dataloader = val_dataloader
