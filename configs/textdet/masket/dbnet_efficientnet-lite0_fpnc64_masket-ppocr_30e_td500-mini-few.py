# Few labels and a teacher: 60 photos with labels, the other 180 without, half a batch of each.
# PP-OCR teaches on all of them, where it sees text. Once, before the first training:
#   D=configs/textdet/masket/dbnet_efficientnet-lite0_fpnc64
#   mmocr-kd cache ${D}_masket-ppocr_30e_td500-mini.py
#   mmocr-kd pseudo-label work_dirs/cache/ppocr_td500-mini --images $TD500_MINI --unclip 1.4 \
#       --ann-file $TD500_MINI/textdet_train.json --out work_dirs/pseudo_labels/td500-mini.json
_base_ = 'dbnet_efficientnet-lite0_fpnc64_masket-ppocr_30e_td500-mini.py'

labelled = dict(_base_.td500_mini_textdet_train, indices=60)
pipeline = labelled.pop('pipeline')
unlabelled = dict(
    type='UnlabelledTextDetDataset',
    data_root=labelled['data_root'],
    ann_file='textdet_train.json',
    indices=-180,
    boxes='work_dirs/pseudo_labels/td500-mini.json')
train_dataloader = dict(
    sampler=dict(_delete_=True, type='RatioSampler', ratios=[1, 1], groups=120, shuffle=True),
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        verify_meta=False,
        datasets=[labelled, unlabelled],
        pipeline=pipeline))

_base_.custom_hooks[0].loss.mask = 'teacher'
