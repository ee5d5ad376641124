# 400 training and 100 validation photos of ICDAR2015's training split, halved to 960x540.
# Set ICDAR2015_MINI to the folder that holds textdet_train.json, textdet_val.json and imgs/.
icdar2015_mini_textdet_data_root = '{{$ICDAR2015_MINI:data/icdar2015_mini}}'

icdar2015_mini_textdet_train = dict(
    type='CheckedOCRDataset',
    data_root=icdar2015_mini_textdet_data_root,
    ann_file='textdet_train.json',
    source='the folder that ICDAR2015_MINI points to, see docs/data.md',
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=None)

icdar2015_mini_textdet_val = dict(
    type='CheckedOCRDataset',
    data_root=icdar2015_mini_textdet_data_root,
    ann_file='textdet_val.json',
    source='the folder that ICDAR2015_MINI points to, see docs/data.md',
    test_mode=True,
    pipeline=None)
