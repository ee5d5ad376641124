# Labels only, as crnn_quarter-vgg-lr-labels_1k_words-by-photo.py, by a student as wide as its
# teacher in configs/compare/kd-ltr-wide_words.py. It starts from that teacher's weights, as all
# arms there do, and as KD-LTR does.
_base_ = 'crnn_quarter-vgg-lr-labels_1k_words-by-photo.py'

model = dict(
    student=dict(
        backbone=dict(width=0.5),
        decoder=dict(in_channels=256),
        init_cfg=dict(
            checkpoint='work_dirs/crnn_slim-vgg_pseudo-ppocr_4k_words-by-photo-street/'
            'iter_4000.pth')))
