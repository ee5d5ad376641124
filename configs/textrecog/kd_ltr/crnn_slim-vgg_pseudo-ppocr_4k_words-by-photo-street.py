# A stronger white-box teacher than crnn_quarter-vgg_nbest-ppocr_8k_words-by-photo-street.py: it
# starts from the weights for photos that come with the package, its words are never quite the same
# twice, and a quarter of them go on being rendered ones. Of street words PP-OCR's sure readings are
# the labels. Its classifier is new: that of the weights has other characters, which MMEngine says.
_base_ = 'crnn_slim-vgg-lr-labels_1k_words-by-photo.py'

vary = [
    dict(type='ImgAugWrapper', args=[
        dict(cls='Affine', scale=[0.9, 1.1], rotate=[-3, 3], shear=[-8, 8], mode='edge'),
        dict(cls='GaussianBlur', sigma=[0.0, 1.0]),
        dict(cls='Multiply', mul=[0.7, 1.3]),
    ]),
]
labelled = _base_.read_label + vary + _base_.sharp
read_from_file = _base_.load_image + labelled
icdar2015, iiit5k = _base_.labelled_words
train_dataloader = dict(
    sampler=dict(ratios=[3, 1, 2, 2]),
    dataset=dict(
        datasets=[
            dict(icdar2015, pipeline=labelled),
            dict(iiit5k, pipeline=labelled),
            dict(_base_.street_words_pseudo, pipeline=read_from_file),
            dict(_base_.embedded_words_train, indices=None, pipeline=read_from_file),
        ]))
val_dataloader = _base_.sharp_val_dataloader
test_dataloader = _base_.sharp_test_dataloader

model = dict(
    student=dict(
        backbone=dict(stem_pool=True),
        init_cfg=dict(checkpoint='mmocr_kd://crnn_slim-vgg_1k_scenes')))
train_cfg = dict(max_iters=4000, val_interval=1000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=200, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-6, by_epoch=False, T_max=4000),
]
