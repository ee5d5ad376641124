# MSRA-TD500, long side at most 1280: 240 training and 60 validation photos of its training split.
# Set TD500_MINI to the folder that holds textdet_{train,val,test}.json and the photos.
td500_mini_textdet_data_root = '{{$TD500_MINI:data/td500_mini}}'

td500_mini_textdet_train = dict(
    type='CheckedOCRDataset',
    data_root=td500_mini_textdet_data_root,
    ann_file='textdet_train.json',
    source='the folder that TD500_MINI points to, see docs/data.md',
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=None)

td500_mini_textdet_val = dict(
    type='CheckedOCRDataset',
    data_root=td500_mini_textdet_data_root,
    ann_file='textdet_val.json',
    source='the folder that TD500_MINI points to, see docs/data.md',
    test_mode=True,
    pipeline=None)

td500_mini_textdet_test = dict(td500_mini_textdet_val, ann_file='textdet_test.json')
