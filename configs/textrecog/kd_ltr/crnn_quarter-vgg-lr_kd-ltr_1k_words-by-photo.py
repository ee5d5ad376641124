# KD-LTR with a teacher that PP-OCR taught on sharp words, otherwise as
# crnn_quarter-vgg-lr-labels_1k_words-by-photo.py: same words, same start.
_base_ = ['crnn_quarter-vgg-lr-labels_1k_words-by-photo.py', '_base_/distill/kd_ltr_ctc.py']

# As wide as the recogniser, see crnn_slim-vgg-lr_kd-ltr_2e_words.py. Labels count as in the other
# arms.
_base_.kd_ltr_losses.semantic.update(hidden_channels=128, out_channels=256, projector='mlp')
_base_.kd_ltr_losses.hard.update(loss_weight=1.0)
teacher = 'crnn_quarter-vgg_nbest-ppocr_8k_words-by-photo-street'
model = dict(
    teacher=dict(
        config='{{ fileDirname }}/' + teacher + '.py',
        checkpoint='work_dirs/' + teacher + '/iter_8000.pth'),
    losses=dict(_delete_=True, **_base_.kd_ltr_losses))
