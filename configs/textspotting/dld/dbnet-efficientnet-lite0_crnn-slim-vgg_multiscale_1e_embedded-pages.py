# Teacher, and start of all students: both parts trained on together, on pages at all sizes from a
# quarter of the full one on.
_base_ = 'dbnet-efficientnet-lite0_crnn-slim-vgg_embedded-pages.py'

sizes = [256, 384, 512, 640, 768, 896, 1024]
train_dataloader = dict(
    dataset=dict(pipeline=[
        _base_.load_image, _base_.load_words,
        dict(
            type='RandomChoiceResize',
            scales=[(size, size) for size in sizes],
            keep_ratio=True,
            resize_type='Resize'), _base_.pack
    ]))
optim_wrapper = dict(optimizer=dict(lr=2e-4))
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
