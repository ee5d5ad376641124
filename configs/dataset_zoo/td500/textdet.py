# MSRA-TD500 as unpacked: images and .gt files side by side in MSRA-TD500/train and .../test.
data_root = 'data/td500'

train_preparer = dict(
    gatherer=dict(
        type='FolderPairGatherer',
        folders=[('MSRA-TD500/train', 'MSRA-TD500/train')],
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
