# CRNN for words of any width on photos, with a dictionary of both cases and symbols.
_base_ = 'crnn_slim-vgg.py'

model = dict(decoder=dict(module_loss=dict(letter_case='unchanged')))
