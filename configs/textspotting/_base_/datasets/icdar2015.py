# Incidental scene text; tools/dataset_converters/prepare_dataset.py of MMOCR writes these files.
icdar2015_textspotting_data_root = 'data/icdar2015'

icdar2015_textspotting_train = dict(
    type='CheckedOCRDataset',
    data_root=icdar2015_textspotting_data_root,
    ann_file='textspotting_train.json',
    source=('python tools/prepare_dataset.py icdar2015 --task textspotting '
            '--dataset-zoo-path <mmocr>/dataset_zoo'),
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=None)

icdar2015_textspotting_test = dict(
    type='CheckedOCRDataset',
    data_root=icdar2015_textspotting_data_root,
    ann_file='textspotting_test.json',
    source=('python tools/prepare_dataset.py icdar2015 --task textspotting '
            '--dataset-zoo-path <mmocr>/dataset_zoo'),
    test_mode=True,
    pipeline=None)
