# Words of 32x100, as any recogniser of MMOCR is trained.
_base_ = 'words.py'

to_input = [
    dict(type='Resize', scale=(100, 32), keep_ratio=False, backend='pillow',
         interpolation='bicubic'),
    dict(type='PackTextRecogInputs',
         meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]
words_pipeline = _base_.read_label + to_input
embedded_pipeline = _base_.load_image + words_pipeline
test_pipeline = _base_.load_test_image + to_input

train_dataloader = dict(
    batch_size=32,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            # Real words four times an epoch: a third of the samples, 21,188 after filtering.
            dict(type='RepeatDataset', times=4,
                 dataset=dict(_base_.icdar2015_words_train, pipeline=words_pipeline)),
            dict(type='RepeatDataset', times=4,
                 dataset=dict(_base_.iiit5k_words_train, pipeline=words_pipeline)),
            dict(_base_.embedded_words_train, pipeline=embedded_pipeline),
        ],
        verify_meta=False))
val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[_base_.icdar2015_words_val, _base_.iiit5k_words_val],
        pipeline=test_pipeline,
        verify_meta=False))
test_dataloader = val_dataloader
