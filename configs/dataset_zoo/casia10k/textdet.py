# CASIA-10K as unpacked: images and .txt files side by side in CASIA-10K/train and .../test.
data_root = 'data/casia10k'

train_preparer = dict(
    gatherer=dict(
        type='FolderPairGatherer',
        folders=[('CASIA-10K/train', 'CASIA-10K/train')],
        ann_name='{stem}.txt'),
    parser=dict(type='QuadTxtAnnParser', ignore=['###']),
    packer=dict(type='TextDetPacker'),
    dumper=dict(type='JsonDumper'))

test_preparer = dict(
    gatherer=dict(
        type='FolderPairGatherer',
        folders=[('CASIA-10K/test', 'CASIA-10K/test')],
        ann_name='{stem}.txt'),
    parser=dict(type='QuadTxtAnnParser', ignore=['###']),
    packer=dict(type='TextDetPacker'),
    dumper=dict(type='JsonDumper'))
