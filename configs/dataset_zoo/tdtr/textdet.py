# TD-TR: trained on MSRA-TD500's training images and all of HUST-TR400, tested on MSRA-TD500's.
# Both as unpacked: MSRA-TD500/train, MSRA-TD500/test and HUST-TR400 with images and .gt files.
data_root = 'data/tdtr'

train_preparer = dict(
    gatherer=dict(
        type='FolderPairGatherer',
        folders=[('MSRA-TD500/train', 'MSRA-TD500/train'), ('HUST-TR400', 'HUST-TR400')],
        ann_name='{stem}.gt'),
    parser=dict(type='TD500AnnParser'),
    packer=dict(type='TextDetPacker'),
    dumper=dict(type='JsonDumper'))

test_preparer = dict(
    gatherer=dict(
        type='FolderPairGatherer',
        folders=[('MSRA-TD500/test', 'MSRA-TD500/test')],
        ann_name='{stem}.gt'),
    parser=dict(type='TD500AnnParser'),
    packer=dict(type='TextDetPacker'),
    dumper=dict(type='JsonDumper'))
