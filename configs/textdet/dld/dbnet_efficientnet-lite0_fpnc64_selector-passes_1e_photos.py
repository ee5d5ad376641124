# A selector for your own photos: any folder, labelled by a teacher (mmocr-kd pseudo-label, see
# docs/unlabelled.md). Goes on from the selector of MSRA-TD500, and is tested there.
_base_ = [
    'dbnet_efficientnet-lite0_fpnc64_selector-passes_5e_td500-mini.py',
    '../_base_/datasets/photos.py',
]

photos = _base_.photos_textdet_pseudo
photos.pipeline = [_base_.load_image, _base_.load_lines, _base_.resize, _base_.pack]
train_dataloader = dict(dataset=dict(_delete_=True, **photos))
load_from = 'work_dirs/dbnet_efficientnet-lite0_fpnc64_selector-passes_5e_td500-mini/epoch_5.pth'
train_cfg = dict(max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
