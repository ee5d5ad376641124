# The same selector, from what was counted once and stored:
#   mmocr-kd rate-scales dbnet-efficientnet-lite0_crnn-slim-vgg_multiscale_1e_icdar2015-mini.py \
#       --checkpoint ... --split train --out work_dirs/ratings/icdar2015-mini_train.jsonl
_base_ = 'dbnet-efficientnet-lite0_crnn-slim-vgg_selector-passes_3e_icdar2015-mini.py'

model = dict(
    objective=dict(
        errors=dict(
            _delete_=True,
            type='StoredErrors',
            file='work_dirs/ratings/icdar2015-mini_train.jsonl',
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
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=10, val_interval=10)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=30, by_epoch=False),
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=10, by_epoch=True, convert_to_iter_based=True)
]
