# A part of spotters: CRNN with half the channels of MiniVGG. Reads digits and lower-case letters.
_base_ = '../../../textrecog/kd_ltr/_base_/models/crnn_slim-vgg.py'

_base_.pop('dictionary')
recognizer = _base_.pop('model')
