tdtr_textdet_data_root = 'data/tdtr'

tdtr_textdet_train = dict(
    type='CheckedOCRDataset',
    data_root=tdtr_textdet_data_root,
    ann_file='textdet_train.json',
    source='python tools/prepare_dataset.py tdtr, see docs/data.md',
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=None)

tdtr_textdet_test = dict(
    type='CheckedOCRDataset',
    data_root=tdtr_textdet_data_root,
    ann_file='textdet_test.json',
    source='python tools/prepare_dataset.py tdtr, see docs/data.md',
    test_mode=True,
    pipeline=None)
