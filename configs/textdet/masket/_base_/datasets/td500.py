# MSRA-TD500: 300 training and 200 test images, Chinese and English lines.
_base_ = ['../../../_base_/datasets/td500.py', 'loaders.py']

_base_.td500_textdet_train.pipeline = _base_.train_pipeline
_base_.td500_textdet_test.pipeline = _base_.test_pipeline
train_dataloader = dict(dataset=_base_.td500_textdet_train)
val_dataloader = dict(dataset=_base_.td500_textdet_test)
test_dataloader = val_dataloader
