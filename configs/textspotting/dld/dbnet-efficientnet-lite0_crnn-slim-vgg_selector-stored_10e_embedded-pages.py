# A selector for a spotter that stays as it is. What it learns from was counted once and stored, so
# that no step runs the spotter, and a seed takes minutes:
#   mmocr-kd rate-scales <the config below> --checkpoint ... --split train --limit 400 \
#       --out work_dirs/ratings/embedded-pages_train.jsonl
_base_ = ['dbnet-efficientnet-lite0_crnn-slim-vgg_embedded-pages.py', '../_base_/distill/dld.py']

dld = _base_.dld
# As rate-scales counts them on these pages; crops of fixed size cost the same at every scale.
dld.selector.costs = [0.2543, 0.3165, 0.4035, 0.6520, 1.0000]
dld.objective.errors = dict(
    type='StoredErrors',
    file='work_dirs/ratings/embedded-pages_train.jsonl',
    false_alarm_weight=0.5)
model = dict(
    _delete_=True, type='DLDTextSpotter', train_student=False, student=_base_.model, **dld)

# As many as were rated, and as large as the selector sees them (Pillow smooths as it does).
small = dict(type='Resize', scale=(10000, 256), keep_ratio=True, backend='pillow')
# What hardly changes what is found.
vary = [
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='TorchVisionWrapper', op='ColorJitter', brightness=0.2, contrast=0.2),
]
train_dataloader = dict(
    batch_size=16,
    dataset=dict(
        num_images=400,
        pipeline=[
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
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
