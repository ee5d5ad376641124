# Any folder of photos without labels: where PHOTOS points to. See docs/unlabelled.md.
photos_root = '{{$PHOTOS:data/photos}}'
photos_labels = '{{$PHOTOS:data/photos}}/pseudo_labels.json'  # of mmocr-kd pseudo-label

photos_textdet_unlabelled = dict(
    type='UnlabelledTextDetDataset',
    data_root=photos_root,
    recursive=True,
    boxes=photos_labels,
    pipeline=None)

photos_textdet_pseudo = dict(
    type='CheckedOCRDataset',
    data_root=photos_root,
    ann_file='pseudo_labels.json',
    source='mmocr-kd pseudo-label, see docs/unlabelled.md',
    filter_cfg=dict(filter_empty_gt=True, min_size=32),
    pipeline=None)
