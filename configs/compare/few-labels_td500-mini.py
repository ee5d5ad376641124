# How many labels a teacher is worth: docs/evidence/few-labels.md. MSRA-TD500 with 15, 60 or all 240
# training photos labelled, the others and a folder of street photos without labels.
#   export TD500_MINI=/path/to/td500_mini PHOTOS=/path/to/photos && python tools/export_lite0.py
#   mmocr-kd pseudo-label rapidocr --images $PHOTOS --out $PHOTOS/pseudo_labels.json --unclip 1.4
#   D=configs/textdet/masket/dbnet_efficientnet-lite0_fpnc
#   mmocr-kd cache ${D}64_masket-ppocr_30e_td500-mini.py
#   mmocr-kd cache ${D}_masket-ppocr_100e_td500-mini-photos.py
#   mmocr-kd pseudo-label work_dirs/cache/ppocr_td500-mini --images $TD500_MINI --unclip 1.4 \
#       --ann-file $TD500_MINI/textdet_train.json --out work_dirs/pseudo_labels/td500-mini.json
#   mmocr-kd compare configs/compare/few-labels_td500-mini.py
seeds = [0, 1, 2]
reference = 'plain-60'
protocol = 'detection'

_root, _photos = '{{$TD500_MINI:data/td500_mini}}', '{{$PHOTOS:data/photos}}'
_boxes = 'work_dirs/pseudo_labels/td500-mini.json'
_labelled = dict(type='CheckedOCRDataset', data_root=_root, ann_file='textdet_train.json')
# The others, and photos of anything: without labels, and with the teacher's boxes as labels.
_unlabelled = [
    dict(
        type='UnlabelledTextDetDataset',
        data_root=_root,
        ann_file='textdet_train.json',
        boxes=_boxes),
    dict(
        type='UnlabelledTextDetDataset',
        data_root=_photos,
        boxes=f'{_photos}/pseudo_labels.json')
]
_pseudo = [
    dict(type='CheckedOCRDataset', ann_file=_boxes, data_prefix=dict(img_path=_root)),
    dict(type='CheckedOCRDataset', data_root=_photos, ann_file='pseudo_labels.json')
]
# Half of every batch is labelled; the rest comes from both sources, if there are others.
_mixed = {}
for _name, _others in dict(unlabelled=_unlabelled, pseudo=_pseudo).items():
    for _labels in (15, 60, 240):
        _mixed[_name, _labels] = {
            'train_dataloader.dataset.datasets': [
                dict(_labelled, indices=_labels),
                *([dict(_others[0], indices=_labels - 240)] if _labels < 240 else []),
                _others[1],
            ],
            'train_dataloader.sampler.ratios': [2, 1, 1] if _labels < 240 else [1, 1],
            'train_dataloader.sampler.groups': 60 if _labels < 240 else 120,
        }

_few = '../textdet/masket/dbnet_efficientnet-lite0_fpnc64_30e_td500-mini-few.py'
_taught = '../textdet/masket/dbnet_efficientnet-lite0_fpnc64_masket-ppocr_30e_td500-mini-few.py'
_store = {'custom_hooks.0.teacher.store': 'work_dirs/cache/ppocr_td500-mini-photos'}
_kd = {'custom_hooks.0.loss.entropy_weight': 0.0, 'custom_hooks.0.loss.mask': 'none'}
# The first two need no photos but those of MSRA-TD500.
arms = {
    'plain-60': dict(config=_few),
    'masket-60-rest': dict(config=_taught, paired=False)
}
for _labels in (15, 60, 240):
    _ours, _theirs = (_mixed[_name, _labels] for _name in ('unlabelled', 'pseudo'))
    arms[f'plain-{_labels}'] = dict(
        config=_few,
        cfg_options={'train_dataloader.dataset.datasets.0.indices': _labels},
        paired=_labels == 60)
    arms[f'pseudo-{_labels}'] = dict(config=_few, cfg_options=_theirs, paired=False)
    arms[f'kd-{_labels}'] = dict(
        config=_taught, cfg_options={**_store, **_ours, **_kd}, paired=False)
    arms[f'masket-{_labels}'] = dict(config=_taught, cfg_options={**_store, **_ours}, paired=False)
    arms[f'both-{_labels}'] = dict(config=_taught, cfg_options={**_store, **_theirs}, paired=False)
# Of all arms: 450 steps of 8 crops.
cfg_options = {
    'train_cfg.max_epochs': 15,
    'train_cfg.val_interval': 15,
    'param_scheduler.0.end': 15,
    'default_hooks.checkpoint.interval': 5,
}
