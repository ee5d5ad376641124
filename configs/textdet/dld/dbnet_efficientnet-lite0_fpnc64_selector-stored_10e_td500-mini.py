# The same selector, from what was counted once and stored; no step runs the detector:
#   mmocr-kd rate-scales <the detector's config> --checkpoint ... --split train \
#       --out work_dirs/ratings/td500-mini_train.jsonl
# 240 photos teach it little of text: it starts as the selector of the embedded pages,
#   mim train mmocr configs/textspotting/dld/<spotter>_selector-stored_10e_embedded-pages.py
_base_ = 'dbnet_efficientnet-lite0_fpnc64_selector-passes_5e_td500-mini.py'

pages = 'dbnet-efficientnet-lite0_crnn-slim-vgg_selector-stored_10e_embedded-pages'
model = dict(
    selector=dict(
        init_cfg=dict(
            type='Pretrained', checkpoint=f'work_dirs/{pages}/epoch_10.pth', prefix='selector.')),
    objective=dict(
        errors=dict(
            _delete_=True,
            type='StoredErrors',
            file='work_dirs/ratings/td500-mini_train.jsonl',
            false_alarm_weight=0.5)))

# As large as the selector sees them (Pillow smooths as it does).
small = dict(type='Resize', scale=(10000, 256), keep_ratio=True, backend='pillow')
# What hardly changes what is found.
vary = [
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='TorchVisionWrapper', op='ColorJitter', brightness=0.2, contrast=0.2),
]
train_dataloader = dict(
    batch_size=16,
    dataset=dict(pipeline=[
        dict(
            type='Remember',
            transforms=[_base_.load_image, _base_.resize, small]), *vary, _base_.pack
    ]))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05))
train_cfg = dict(max_epochs=10, val_interval=10)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=30, by_epoch=False),
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=10, by_epoch=True, convert_to_iter_based=True)
]
