# Teacher of 32x128 for MMOCR's published weights, which see BGR images. MMOCR's recipe, with an
# augmentation that needs no albumentations.
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
    'mmocr::textrecog/_base_/schedules/schedule_adam_base.py',
    '../matrn/_base_/pipelines/abinet-augmentation.py',
    '_base_/models/abinet.py',
]
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

load_from = 'https://download.openmmlab.com/mmocr/textrecog/abinet/abinet_pretrain-45deac15.pth'

optim_wrapper = dict(optimizer=dict(lr=1e-4))
train_cfg = dict(max_epochs=20)
param_scheduler = [
    dict(type='LinearLR', end=2, start_factor=0.001, convert_to_iter_based=True),
    dict(type='MultiStepLR', milestones=[16, 18], end=20),
]

train_dataloader = dict(
    batch_size=192,
    num_workers=32,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=[_base_.mjsynth_textrecog_train, _base_.synthtext_an_textrecog_train],
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

auto_scale_lr = dict(base_batch_size=192 * 8)
