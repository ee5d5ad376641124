# Student with KD-LTR, otherwise as crnn_slim-vgg-lr_2e_words.py.
_base_ = ['crnn_slim-vgg-lr_2e_words.py', '_base_/distill/kd_ltr_ctc.py']

# A projector of the recogniser's width. Its frames have been through a BiLSTM: another one would
# add a tenth to the step, and no context.
_base_.kd_ltr_losses.semantic.update(hidden_channels=128, out_channels=256, projector='mlp')
model = dict(losses=dict(_delete_=True, **_base_.kd_ltr_losses))
