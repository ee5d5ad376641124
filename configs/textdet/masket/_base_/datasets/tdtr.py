# TD-TR: the training images of MSRA-TD500 and the 400 of HUST-TR400, tested on MSRA-TD500.
_base_ = ['../../../_base_/datasets/tdtr.py', 'loaders.py']

_base_.tdtr_textdet_train.pipeline = _base_.train_pipeline
_base_.tdtr_textdet_test.pipeline = _base_.test_pipeline
train_dataloader = dict(dataset=_base_.tdtr_textdet_train)
val_dataloader = dict(dataset=_base_.tdtr_textdet_test)
test_dataloader = val_dataloader
