# The published recipe on synthetic words, MJSynth and SynthText; models are added to it.
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
    '../pipelines/rand-augment.py',
    '../schedules/onecycle-swa_20e.py',
]
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

train_dataloader = dict(
    batch_size=384,
    num_workers=14,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=[_base_.mjsynth_textrecog_train, _base_.synthtext_textrecog_train],
        pipeline=_base_.train_pipeline))
test_dataloader = dict(
    batch_size=128,
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
