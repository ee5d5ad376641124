# The white-box teacher of crnn_quarter-vgg-lr_kd-ltr_1k_words-by-photo.py: reads sharp words of
# 32x100, taught by PP-OCR with labels, street words without, and for long. From scratch.
_base_ = 'crnn_quarter-vgg-lr-nbest-ppocr_1k_words-by-photo-street.py'

labelled = dict(pipeline=_base_.read_label + _base_.sharp)
icdar2015, iiit5k, street = _base_.train_dataloader.dataset.datasets
train_dataloader = dict(
    dataset=dict(
        datasets=[dict(icdar2015, **labelled), dict(iiit5k, **labelled),
                  dict(street, pipeline=_base_.load_image + _base_.read_label + _base_.sharp)]))
val_dataloader = _base_.sharp_val_dataloader
test_dataloader = _base_.sharp_test_dataloader

model = dict(student=dict(backbone=dict(stem_pool=True), init_cfg=None))
train_cfg = dict(max_iters=8000, val_interval=2000)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=200, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-6, by_epoch=False, T_max=8000),
]
