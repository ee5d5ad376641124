# What all runs on TextZoom share, for recognisers of digits and lower-case letters (ABINet, MATRN):
# pairs of 16x64 and 32x128 without augmentation, the official schedule, accuracy per test set and
# over all 4,373 words.
_base_ = [
    '../../../_base_/datasets/textzoom.py',
    'mmocr::textrecog/_base_/default_runtime.py',
    '../schedules/adam_100e.py',
]
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

resize = dict(
    type='PairedResize', lr_scale=(64, 16), hr_scale=(128, 32), backend='pillow',
    interpolation='bicubic')
pack = dict(
    type='PackPairedTextRecogInputs',
    meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio'))

train_pipeline = [
    dict(type='LoadOCRAnnotations', with_text=True),
    # The official code turns other characters into the end token, in the middle of a word.
    dict(type='FilterRecogText', charset='0123456789abcdefghijklmnopqrstuvwxyz',
         letter_case='lower', oov='drop', max_length=25, empty='drop'),
    resize,
    pack,
]
# The data set has read the image; MMOCR's inferencers put their loader in the first step's place.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadOCRAnnotations', with_text=True),
    resize,
    pack,
]

train_dataloader = dict(
    batch_size=64,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=[_base_.textzoom_train1, _base_.textzoom_train2],
        pipeline=train_pipeline))
# The part of train2 that is set aside. The official code chooses its model on the test sets.
val_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset', datasets=[_base_.textzoom_val], pipeline=test_pipeline))
test_dataloader = dict(
    batch_size=64,
    num_workers=2,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[_base_.textzoom_easy, _base_.textzoom_medium, _base_.textzoom_hard],
        pipeline=test_pipeline))

val_evaluator = dict(
    type='WeightedMultiDatasetsEvaluator',
    metrics=[dict(type='CheckedWordMetric', mode=['exact', 'ignore_case', 'ignore_case_symbol'])],
    dataset_prefixes=['heldout'])
test_evaluator = _base_.textzoom_evaluator

default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(
        type='CheckpointHook', interval=5, max_keep_ckpts=1,
        save_best='heldout/recog/word_acc_ignore_case_symbol', rule='greater'))
randomness = dict(seed=42)
