# The published recipe: Adam, 10 epochs of MJSynth and SynthText, one step after 6, batch 384.
_base_ = [
    'mmocr::textrecog/_base_/datasets/mjsynth.py',
    'mmocr::textrecog/_base_/datasets/synthtext.py',
    'mmocr::textrecog/_base_/datasets/cute80.py',
    'mmocr::textrecog/_base_/datasets/iiit5k.py',
    'mmocr::textrecog/_base_/datasets/svt.py',
    'mmocr::textrecog/_base_/datasets/svtp.py',
    'mmocr::textrecog/_base_/datasets/icdar2013.py',
    'mmocr::textrecog/_base_/datasets/icdar2015.py',
    'mmocr::textrecog/_base_/default_runtime.py',
    '_base_/models/matrn.py',
    '_base_/pipelines/abinet-augmentation.py',
]
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

# Vision and language part start trained, as published. These are MMOCR's ABINet weights; official
# ones can be converted instead, see the README.
load_from = 'https://download.openmmlab.com/mmocr/textrecog/abinet/abinet_pretrain-45deac15.pth'

train_dataloader = dict(
    batch_size=384,
    num_workers=14,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=[_base_.mjsynth_textrecog_train, _base_.synthtext_textrecog_train],
        pipeline=_base_.train_pipeline))
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            _base_.cute80_textrecog_test, _base_.iiit5k_textrecog_test, _base_.svt_textrecog_test,
            _base_.svtp_textrecog_test, _base_.icdar2013_textrecog_test,
            _base_.icdar2015_textrecog_test
        ],
        pipeline=_base_.test_pipeline))
val_dataloader = test_dataloader

val_evaluator = dict(
    metrics=[
        dict(type='CheckedWordMetric', mode=['exact', 'ignore_case', 'ignore_case_symbol']),
        dict(type='CheckedCharMetric'),
    ],
    dataset_prefixes=['CUTE80', 'IIIT5K', 'SVT', 'SVTP', 'IC13', 'IC15'])
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4), clip_grad=dict(max_norm=20))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=10, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
param_scheduler = [dict(type='MultiStepLR', milestones=[6], gamma=0.1, end=10)]
auto_scale_lr = dict(base_batch_size=384)
