# The real words of words.py in three parts that share no photo, and words on street photos that
# nobody labelled. Set WORDS as there; ICDAR2015_MINI to photos that tell which crops lie together;
# STREET to a folder of photos with textdet_words.json, quads of their words, see docs/data.md.
_base_ = '../../../textdet/_base_/datasets/icdar2015-mini.py'
photo_words_data_root = '{{$WORDS:data/words}}'

# ICDAR2015: by the photos of icdar2015-mini. Test on 250 of them, validation on another 100; all
# other crops are for training.
mini_photos = dict(
    type='OCRDataset', data_root=_base_.icdar2015_mini_textdet_data_root,
    ann_file='textdet_train.json')
test_photos = [
    dict(mini_photos, ann_file='textdet_val.json'),
    dict(mini_photos, indices=150),
]
val_photos = [dict(mini_photos, indices=-100)]
icdar2015_by_photo = dict(
    type='CheckedRecogLMDBDataset',
    data_root=photo_words_data_root,
    ann_file='icdar2015_train.lmdb',
    source='the folder that WORDS points to, see docs/data.md',
    pipeline=None)
icdar2015_by_photo_train = dict(icdar2015_by_photo, not_on=[*test_photos, *val_photos])
icdar2015_by_photo_val = dict(
    icdar2015_by_photo, on=val_photos, not_on=test_photos, test_mode=True)
icdar2015_by_photo_test = dict(icdar2015_by_photo, on=test_photos, test_mode=True)

# IIIT5K: by blocks of consecutive crops. 1,100 to train on, 300 to choose by, 600 to test on.
iiit5k_by_photo = dict(
    type='CheckedRecogLMDBDataset',
    data_root=photo_words_data_root,
    ann_file='iiit5k_train.lmdb',
    source='the folder that WORDS points to, see docs/data.md',
    holdout=dict(share=0.45, block=100, seed=0),
    pipeline=None)
iiit5k_by_photo_train = dict(iiit5k_by_photo, split='train')
iiit5k_by_photo_val = dict(iiit5k_by_photo, split='val', indices=-300, test_mode=True)
iiit5k_by_photo_test = dict(iiit5k_by_photo, split='val', indices=600, test_mode=True)

street_data_root = '{{$STREET:data/street}}'
street_words = dict(
    type='UnlabelledTextRecogDataset',
    data_root=street_data_root,
    boxes=street_data_root + '/textdet_words.json',
    any_corner=True,  # won from masks
    pipeline=None)
# What mmocr-kd pseudo-label read there.
street_words_pseudo = dict(
    type='CheckedOCRDataset',
    data_root='data/street_words',
    ann_file='labels.json',
    source='mmocr-kd pseudo-label rapidocr --images $STREET --read $STREET/textdet_words.json '
    '--any-corner --out data/street_words/labels.json',
    pipeline=None)
