# The rival of KD-LTR: no teacher, but the words that its teacher learnt from PP-OCR; otherwise as
# crnn_slim-vgg-lr-labels_1k_words-by-photo.py.
_base_ = 'crnn_slim-vgg-lr-labels_1k_words-by-photo.py'

pseudo = dict(_base_.street_words_pseudo, pipeline=_base_.embedded_pipeline)
train_dataloader = dict(
    sampler=dict(ratios=[3, 1, 4]),
    dataset=dict(datasets=[*_base_.labelled_words, pseudo]))
