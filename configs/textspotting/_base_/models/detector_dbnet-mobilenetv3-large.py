# A part of spotters: DBNet with MobileNetV3-large.
_base_ = '../../../textdet/masket/_base_/models/dbnet_mobilenetv3-large_fpnc64.py'

detector = _base_.pop('model')
