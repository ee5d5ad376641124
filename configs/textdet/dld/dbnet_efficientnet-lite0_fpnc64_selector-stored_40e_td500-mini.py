# The same selector, from what was counted once and stored; no step runs the detector:
#   mmocr-kd rate-scales <the detector's config> --checkpoint ... --split train \
#       --out work_dirs/ratings/td500-mini_train.jsonl
_base_ = 'dbnet_efficientnet-lite0_fpnc64_selector-passes_5e_td500-mini.py'

model = dict(
    objective=dict(
        errors=dict(
            _delete_=True,
            type='StoredErrors',
            file='work_dirs/ratings/td500-mini_train.jsonl',
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
train_cfg = dict(max_epochs=40, val_interval=40)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=40, by_epoch=True, convert_to_iter_based=True)
]
