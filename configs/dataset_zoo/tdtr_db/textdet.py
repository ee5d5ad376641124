# TD-TR from the archive TD_TR that the authors of DB pass on: quads in <image name>.txt, whose
# label is 1 for difficult lines. Writes the same files as the preparer 'tdtr'.
data_root = 'data/tdtr'

train_preparer = dict(
    gatherer=dict(
        type='FolderPairGatherer',
        folders=[('TD_TR/TD500/train_images', 'TD_TR/TD500/train_gts'),
                 ('TD_TR/TR400/train_images', 'TD_TR/TR400/train_gts')],
        ann_name='{name}.txt'),
    parser=dict(type='QuadTxtAnnParser', ignore=['1', '###']),
    packer=dict(type='TextDetPacker'),
    dumper=dict(type='JsonDumper'))

test_preparer = dict(
    gatherer=dict(
        type='FolderPairGatherer',
        folders=[('TD_TR/TD500/test_images', 'TD_TR/TD500/test_gts')],
        ann_name='{name}.txt'),
    parser=dict(type='QuadTxtAnnParser', ignore=['1', '###']),
    packer=dict(type='TextDetPacker'),
    dumper=dict(type='JsonDumper'))
