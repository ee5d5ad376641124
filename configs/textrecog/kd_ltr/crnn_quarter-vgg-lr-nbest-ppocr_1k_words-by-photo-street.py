# A black box teaches without labels: half of each batch are words on street photos, of which the
# student knows what PP-OCR may have read there. First, once: mmocr-kd cache on this config.
_base_ = 'crnn_quarter-vgg-lr-nbest-ppocr_1k_words-by-photo.py'

unlabelled = dict(_base_.street_words, pipeline=_base_.embedded_pipeline)
train_dataloader = dict(
    sampler=dict(ratios=[3, 1, 4]),
    dataset=dict(datasets=[*_base_.labelled_words, unlabelled]))
