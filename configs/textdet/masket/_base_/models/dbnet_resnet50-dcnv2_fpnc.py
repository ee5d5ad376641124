# MMOCR's own ResNet-50-DCNv2 DBNet; the data set files bring the pipelines.
_base_ = 'mmocr::textdet/dbnet/_base_dbnet_resnet50-dcnv2_fpnc.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
