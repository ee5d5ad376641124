# Multilingual scene text. DLD trains on the 7,000 images whose text is Latin; MMOCR has no recipe
# for it: write the file in MMOCR's format, other scripts marked as ignored.
mlt2017_textspotting_data_root = 'data/mlt2017'

mlt2017_textspotting_train = dict(
    type='CheckedOCRDataset',
    data_root=mlt2017_textspotting_data_root,
    ann_file='textspotting_train.json',
    source='the MLT 2017 data set, written in the format of MMOCR, see docs/data.md',
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=None)
