# KD-LTR, otherwise as crnn_slim-vgg-lr-labels_1k_words-by-photo.py: same words, same start.
_base_ = ['crnn_slim-vgg-lr-labels_1k_words-by-photo.py', '_base_/distill/kd_ltr_ctc.py']

# As in crnn_quarter-vgg-lr_kd-ltr_1k_words-by-photo.py.
_base_.kd_ltr_losses.semantic.update(hidden_channels=128, out_channels=256, projector='mlp')
_base_.kd_ltr_losses.hard.update(loss_weight=1.0)
teacher = 'crnn_slim-vgg_pseudo-ppocr_4k_words-by-photo-street'
model = dict(
    teacher=dict(
        config='{{ fileDirname }}/' + teacher + '.py',
        checkpoint='work_dirs/' + teacher + '/iter_4000.pth'),
    losses=dict(_delete_=True, **_base_.kd_ltr_losses))
