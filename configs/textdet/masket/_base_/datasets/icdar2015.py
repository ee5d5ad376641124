# ICDAR2015, challenge 4: 1000 training and 500 test images, words of any orientation.
_base_ = ['mmocr::textdet/_base_/datasets/icdar2015.py', 'loaders.py']

_base_.icdar2015_textdet_train.pipeline = _base_.train_pipeline
_base_.icdar2015_textdet_test.pipeline = _base_.test_pipeline
train_dataloader = dict(dataset=_base_.icdar2015_textdet_train)
val_dataloader = dict(dataset=_base_.icdar2015_textdet_test)
test_dataloader = val_dataloader
