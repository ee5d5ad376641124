# Real words: 4,468 crops of ICDAR2015's training split and 2,000 of IIIT5K's, as LMDB in MMOCR's
# layout. Set WORDS to the folder that holds icdar2015_train.lmdb and iiit5k_train.lmdb.
words_data_root = '{{$WORDS:data/words}}'

# About one eighth is set aside for validation: whole blocks of 100 consecutive crops, drawn with a
# fixed seed. Words of one photo follow each other in both files, so a word drawn by itself would
# leave its neighbours, of the same sign and in the same blur, in the training part.
words_holdout = dict(share=0.125, block=100, seed=0)

icdar2015_words_train = dict(
    type='CheckedRecogLMDBDataset',
    data_root=words_data_root,
    ann_file='icdar2015_train.lmdb',
    source='the folder that WORDS points to, see docs/data.md',
    img_color_type='color',
    on_error='raise',
    split='train',
    holdout=words_holdout,
    pipeline=None)

icdar2015_words_val = dict(
    type='CheckedRecogLMDBDataset',
    data_root=words_data_root,
    ann_file='icdar2015_train.lmdb',
    source='the folder that WORDS points to, see docs/data.md',
    img_color_type='color',
    on_error='raise',
    split='val',
    holdout=words_holdout,
    test_mode=True,
    pipeline=None)

iiit5k_words_train = dict(
    type='CheckedRecogLMDBDataset',
    data_root=words_data_root,
    ann_file='iiit5k_train.lmdb',
    source='the folder that WORDS points to, see docs/data.md',
    img_color_type='color',
    on_error='raise',
    split='train',
    holdout=words_holdout,
    pipeline=None)

iiit5k_words_val = dict(
    type='CheckedRecogLMDBDataset',
    data_root=words_data_root,
    ann_file='iiit5k_train.lmdb',
    source='the folder that WORDS points to, see docs/data.md',
    img_color_type='color',
    on_error='raise',
    split='val',
    holdout=words_holdout,
    test_mode=True,
    pipeline=None)

words_evaluator = dict(
    type='WeightedMultiDatasetsEvaluator',
    metrics=[dict(type='CheckedWordMetric', mode=['exact', 'ignore_case', 'ignore_case_symbol'])],
    dataset_prefixes=['IC15', 'IIIT5K'])
