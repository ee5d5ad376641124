# KD-LTR's losses from a white box that is stronger than that of kd-ltr_words.py, for a student as
# wide as it, which starts from its weights: the second try of docs/evidence/kd_ltr.md, which has
# the commands for all that has to be there before.
#   mmocr-kd compare configs/compare/kd-ltr-wide_words.py --arms labels,kd_ltr
_base_ = 'kd-ltr_words.py'

_student = '../textrecog/kd_ltr/crnn_slim-vgg-lr'
arms = dict(
    _delete_=True,
    labels=dict(config=f'{_student}-labels_1k_words-by-photo.py'),
    kd_ltr=dict(config=f'{_student}_kd-ltr_1k_words-by-photo.py'),
    pseudo_street=dict(
        config=f'{_student}-pseudo-ppocr_1k_words-by-photo-street.py', paired=False))
