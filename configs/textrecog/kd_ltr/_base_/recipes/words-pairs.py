# Blurred words of 16x50 with the same words, sharp, of 32x100 beside them: a robustness setting of
# KD-LTR. For students, and for teachers that are tested on small words.
_base_ = 'words.py'

# 1: PairedResize shrinks from the photo at once.
shrink = [
    dict(type='SynthesizeLR', scale=1),
    dict(type='PairedResize', lr_scale=(50, 16), hr_scale=(100, 32), backend='pillow',
         interpolation='bicubic'),
]
pack = [
    dict(type='PackPairedTextRecogInputs',
         meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]
# Of any strength up to 1.5 pixels, drawn anew in training, fixed for each word in validation.
blur = dict(gaussian_blur=dict(sigma=(0.0, 1.5)))
degrade = [
    dict(type='TextDegradation', prob=1.0, operations=blur, seed=0, seed_by_image=False),
]
degrade_fixed = [
    dict(type='TextDegradation', prob=1.0, operations=blur, seed=0, seed_by_image=True),
]

words_pipeline = _base_.read_label + shrink + degrade + pack
embedded_pipeline = _base_.load_image + words_pipeline
test_pipeline = _base_.load_test_image + shrink + degrade_fixed + pack

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(_base_.icdar2015_words_train, pipeline=words_pipeline),
            dict(_base_.iiit5k_words_train, pipeline=words_pipeline),
            # As many rendered words as real ones.
            dict(_base_.embedded_words_train, pipeline=embedded_pipeline, indices=5600),
        ],
        verify_meta=False))
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatTestSets',
        datasets=[dict(_base_.icdar2015_words_val, pipeline=test_pipeline),
                  dict(_base_.iiit5k_words_val, pipeline=test_pipeline)],
        # For MMOCR's inferencers, which must not blur the words they are given.
        pipeline=_base_.load_test_image + shrink + pack,
        verify_meta=False))
test_dataloader = val_dataloader
