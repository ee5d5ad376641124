# The teacher where there are no real words: rendered ones only, nothing to download, some 6,200
# iterations. For rendered text, which is all it has seen.
_base_ = 'crnn_slim-vgg_3e_words.py'

words = dict(_base_.embedded_words_train, indices=None, pipeline=_base_.embedded_pipeline)
train_dataloader = dict(dataset=dict(_delete_=True, **words))
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CheckedOCRDataset',
        data_root='data/embedded-words',
        ann_file='textrecog_val.json',
        source=_base_.embedded_words_source,
        test_mode=True,
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(
    _delete_=True,
    type='MultiDatasetsEvaluator',
    metrics=[dict(type='CheckedWordMetric', mode=['ignore_case_symbol'])],
    dataset_prefixes=['embedded'])
test_evaluator = val_evaluator
