# A white-box teacher of light students, as strong as these photos make it: twice the channels,
# larger crops, 6,000 steps, itself taught by PP-OCR where PP-OCR sees text, on 240 photos with
# labels and, without, on those that PHOTOS points to. Before: mmocr-kd pseudo-label as in
# docs/unlabelled.md, then mmocr-kd cache <this file>
_base_ = 'dbnet_efficientnet-lite0_fpnc64_masket-ppocr_30e_td500-mini.py'

model = dict(neck=dict(lateral_channels=128, out_channels=32), det_head=dict(in_channels=128))

labelled = dict(_base_.td500_mini_textdet_train)
pipeline = labelled.pop('pipeline')
pipeline[3].target_size = pipeline[5].scale = pipeline[6].size = (320, 320)
unlabelled = dict(
    type='UnlabelledTextDetDataset',
    data_root='{{$PHOTOS:data/photos}}',
    boxes='{{$PHOTOS:data/photos}}/pseudo_labels.json')
train_dataloader = dict(
    sampler=dict(_delete_=True, type='RatioSampler', ratios=[1, 1], shuffle=True),
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        verify_meta=False,
        datasets=[labelled, unlabelled],
        pipeline=pipeline))

_base_.custom_hooks[0].loss.mask = 'teacher'
_base_.custom_hooks[0].teacher.store = 'work_dirs/cache/ppocr_td500-mini-photos'
train_cfg = dict(max_epochs=100, val_interval=25)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-5, end=100, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(checkpoint=dict(interval=25))
