# The same selector, from how high the annotated lines are: what share of lines of each height is
# found was counted once, on the validation photos, which the detector has not seen.
#   mmocr-kd rate-scales <the detector's config> --checkpoint ... --split val \
#       --out work_dirs/ratings/td500-mini_val.jsonl
# No training photo is rated, so parts of photos may be shown, enlarged.
_base_ = 'dbnet_efficientnet-lite0_fpnc64_selector-passes_5e_td500-mini.py'

model = dict(
    objective=dict(
        errors=dict(
            _delete_=True,
            type='HeightErrors',
            file='work_dirs/ratings/td500-mini_val.jsonl',
            false_alarm_weight=0.5,
            full_long_edge=1280)))  # as photos are tested; small ones are trained on

train_dataloader = dict(
    batch_size=16,
    dataset=dict(pipeline=[
        _base_.load_image,
        _base_.load_lines,
        dict(
            type='RandomApply',
            transforms=[dict(type='RandomCrop', min_side_ratio=0.3)],
            prob=0.5),
        # As large as the selector sees them (Pillow smooths as it does).
        dict(type='Resize', scale=(10000, 256), keep_ratio=True, backend='pillow'),
        dict(type='RandomFlip', prob=0.5, direction='horizontal'),
        dict(type='TorchVisionWrapper', op='ColorJitter', brightness=0.2, contrast=0.2),
        _base_.pack,
    ]))
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05))
train_cfg = dict(max_epochs=20, val_interval=20)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=30, by_epoch=False),
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=20, by_epoch=True, convert_to_iter_based=True)
]
