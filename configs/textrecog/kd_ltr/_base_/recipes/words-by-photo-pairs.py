# words-pairs.py on parts that share no photo, with a test part, and by iterations: what arms that
# learn from words with and without labels have in common. A batch is 24 labelled words of ICDAR2015
# and 8 of IIIT5K; or half as many of each, and 16 others.
_base_ = ['words-pairs.py', '../../../_base_/datasets/words-by-photo.py']

labelled = dict(img_color_type='grayscale', pipeline=_base_.words_pipeline)
labelled_words = [
    dict(_base_.icdar2015_by_photo_train, **labelled),
    dict(_base_.iiit5k_by_photo_train, **labelled),
]
tested = dict(img_color_type='grayscale', pipeline=_base_.test_pipeline)
train_dataloader = dict(
    sampler=dict(_delete_=True, type='RatioSampler', ratios=[3, 1]),
    dataset=dict(datasets=labelled_words))
val_dataloader = dict(
    dataset=dict(
        datasets=[dict(_base_.icdar2015_by_photo_val, **tested),
                  dict(_base_.iiit5k_by_photo_val, **tested)]))
test_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatTestSets',
        datasets=[dict(_base_.icdar2015_by_photo_test, **tested),
                  dict(_base_.iiit5k_by_photo_test, **tested)],
        pipeline=_base_.load_test_image + _base_.shrink + _base_.pack,
        verify_meta=False))

# What their teachers read: the same words, sharp, of 32x100.
sharp = [
    dict(type='SynthesizeLR', scale=1),
    dict(type='PairedResize', lr_scale=(100, 32), hr_scale=(100, 32), backend='pillow',
         interpolation='bicubic'),
    *_base_.pack,
]
tested_sharp = dict(img_color_type='grayscale', pipeline=_base_.load_test_image + sharp)
sharp_val_dataloader = dict(
    dataset=dict(
        datasets=[dict(_base_.icdar2015_by_photo_val, **tested_sharp),
                  dict(_base_.iiit5k_by_photo_val, **tested_sharp)],
        pipeline=tested_sharp['pipeline']))
sharp_test_dataloader = dict(
    dataset=dict(
        datasets=[dict(_base_.icdar2015_by_photo_test, **tested_sharp),
                  dict(_base_.iiit5k_by_photo_test, **tested_sharp)],
        pipeline=tested_sharp['pipeline']))

by_iterations = dict(type='IterBasedTrainLoop')
log_processor = dict(by_epoch=False)
default_hooks = dict(checkpoint=dict(interval=500, by_epoch=False))
