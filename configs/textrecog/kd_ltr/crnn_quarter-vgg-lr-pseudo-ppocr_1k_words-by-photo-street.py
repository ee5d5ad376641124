# The rival of distillation: PP-OCR's best reading of each street word is its label, if PP-OCR is
# sure of it. mmocr-kd pseudo-label writes them, see street_words_pseudo.
_base_ = 'crnn_quarter-vgg-lr-labels_1k_words-by-photo.py'

pseudo = dict(_base_.street_words_pseudo, pipeline=_base_.embedded_pipeline)
train_dataloader = dict(
    sampler=dict(ratios=[3, 1, 4]),
    dataset=dict(datasets=[*_base_.labelled_words, pseudo]))
