# MMOCR's own ResNet-18 DBNet; the data set files bring the pipelines.
_base_ = 'mmocr::textdet/dbnet/_base_dbnet_resnet18_fpnc.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
