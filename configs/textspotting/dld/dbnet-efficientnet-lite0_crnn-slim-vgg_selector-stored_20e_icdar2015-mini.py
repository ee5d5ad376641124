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
train_dataloader = dict(
    batch_size=16,
    dataset=dict(pipeline=[
        dict(
            type='Remember',
            transforms=[_base_.load_image, _base_.resize, small]), _base_.pack
    ]))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=20)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=20, by_epoch=True, convert_to_iter_based=True)
]
