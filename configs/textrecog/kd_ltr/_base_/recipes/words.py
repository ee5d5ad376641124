# What all runs on real words share: data, schedule, evaluation. Real words are few, so rendered
# ones are added (embedded_words_source makes them).
# Runs differ in the model, the pipelines' last steps and the number of epochs.
_base_ = ['../../../_base_/datasets/words.py', 'mmocr::textrecog/_base_/default_runtime.py']
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

words_dictionary = dict(charset='0123456789abcdefghijklmnopqrstuvwxyz', letter_case='lower')
read_label = [
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='FilterRecogText', oov='drop', max_length=20, empty='drop', **words_dictionary),
]
load_image = [
    dict(type='CheckedLoadImageFromFile', color_type='grayscale'),
]
# The data sets have read the image; MMOCR's inferencers put their loader in this step's place.
load_test_image = [
    dict(type='LoadImageFromFile', color_type='grayscale'),
    dict(type='LoadOCRAnnotations', with_text=True),
]

icdar2015_words_train = _base_.icdar2015_words_train
iiit5k_words_train = _base_.iiit5k_words_train
icdar2015_words_val = _base_.icdar2015_words_val
iiit5k_words_val = _base_.iiit5k_words_val
icdar2015_words_train.img_color_type = 'grayscale'
iiit5k_words_train.img_color_type = 'grayscale'
icdar2015_words_val.img_color_type = 'grayscale'
iiit5k_words_val.img_color_type = 'grayscale'
embedded_words_source = (
    'python tools/write_embedded.py data/embedded-words --train 8000 --val 100 --test 0 '
    '--tasks textrecog --text-height 10 48')
embedded_words_train = dict(
    type='CheckedOCRDataset', data_root='data/embedded-words', ann_file='textrecog_train.json',
    source=embedded_words_source, indices=40000, pipeline=None)

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=5.0))
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
val_evaluator = dict(
    type='WeightedMultiDatasetsEvaluator',  # adds the average over all words
    metrics=[dict(type='CheckedWordMetric', mode=['ignore_case_symbol'])],
    dataset_prefixes=['icdar2015', 'iiit5k'])
test_evaluator = val_evaluator
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1))
randomness = dict(seed=0)
