td500_textdet_data_root = 'data/td500'

td500_textdet_train = dict(
    type='CheckedOCRDataset',
    data_root=td500_textdet_data_root,
    ann_file='textdet_train.json',
    source='python tools/prepare_dataset.py td500, see docs/data.md',
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=None)

td500_textdet_test = dict(
    type='CheckedOCRDataset',
    data_root=td500_textdet_data_root,
    ann_file='textdet_test.json',
    source='python tools/prepare_dataset.py td500, see docs/data.md',
    test_mode=True,
    pipeline=None)
