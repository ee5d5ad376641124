# CRNN without its BiLSTMs: reads after fewer iterations, so this one needs no trained parts.
_base_ = 'dbnet-mobilenetv3-large_crnn-slim-vgg_5e_embedded.py'

model = dict(recognizer=dict(decoder=dict(rnn_flag=False)))
