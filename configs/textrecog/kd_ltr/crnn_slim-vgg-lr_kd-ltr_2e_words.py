# Student with KD-LTR, otherwise as crnn_slim-vgg-lr_2e_words.py.
_base_ = ['crnn_slim-vgg-lr_2e_words.py', '_base_/distill/kd_ltr_ctc.py']

model = dict(losses=dict(_delete_=True, **_base_.kd_ltr_losses))
