# Focused scene text; tools/dataset_converters/prepare_dataset.py of MMOCR writes these files.
icdar2013_textspotting_data_root = 'data/icdar2013'

icdar2013_textspotting_train = dict(
    type='CheckedOCRDataset',
    data_root=icdar2013_textspotting_data_root,
    ann_file='textspotting_train.json',
    source=('python tools/prepare_dataset.py icdar2013 --task textspotting '
            '--dataset-zoo-path <mmocr>/dataset_zoo'),
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=None)

icdar2013_textspotting_test = dict(
    type='CheckedOCRDataset',
    data_root=icdar2013_textspotting_data_root,
    ann_file='textspotting_test.json',
    source=('python tools/prepare_dataset.py icdar2013 --task textspotting '
            '--dataset-zoo-path <mmocr>/dataset_zoo'),
    test_mode=True,
    pipeline=None)
