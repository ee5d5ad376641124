# CASIA-10K: 7000 training and 3000 test images, lines of Chinese scene text as quadrilaterals.
_base_ = ['../../../_base_/datasets/casia10k.py', 'loaders.py']

_base_.casia10k_textdet_train.pipeline = _base_.train_pipeline
_base_.casia10k_textdet_test.pipeline = _base_.test_pipeline
train_dataloader = dict(dataset=_base_.casia10k_textdet_train)
val_dataloader = dict(dataset=_base_.casia10k_textdet_test)
test_dataloader = val_dataloader
