# Detector of the embedded pages: sees crops of rendered scenes, text of 3 to 150 pixels, 8,000 of
# them. Needs the ImageNet backbone: python tools/export_lite0.py
_base_ = [
    '../masket/_base_/recipes/mini.py',
    '../masket/_base_/models/dbnet_efficientnet-lite0_fpnc64.py',
]

load_image = dict(type='LoadImageFromFile')
load_words = dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True)
_scenes = dict(type='EmbeddedTextDetDataset', seed=3, image_size=(512, 512))

train_dataloader = dict(
    dataset=dict(
        _scenes,
        num_images=9000,
        split='train',
        text_height=(10, 140),
        num_blocks=(2, 7),
        filter_cfg=dict(filter_empty_gt=True),
        pipeline=[
            load_image, load_words,
            dict(type='RandomResize', scale=(512, 512), ratio_range=(0.3, 1.1), keep_ratio=True),
            dict(type='TextDetRandomCrop', target_size=(256, 256), positive_sample_ratio=1.0),
            dict(type='Resize', scale=(256, 256), keep_ratio=True),
            dict(type='Pad', size=(256, 256)),
            dict(type='PackTextDetInputs', meta_keys=('img_path', 'ori_shape', 'img_shape')),
            dict(type='DBTargets'),
        ]))
val_dataloader = dict(
    dataset=dict(
        _scenes,
        num_images=60,
        split='val',
        text_height=(14, 60),
        num_blocks=(2, 5),
        test_mode=True,
        pipeline=[
            load_image,
            dict(type='Resize', scale=(512, 512), keep_ratio=True), load_words,
            dict(
                type='PackTextDetInputs',
                meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor')),
        ]))
test_dataloader = val_dataloader
val_evaluator = dict(type='HmeanIOUMetric')
test_evaluator = val_evaluator

train_cfg = dict(type='IterBasedTrainLoop', max_iters=1000, val_interval=500)
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-5, end=1000, by_epoch=False)]
default_hooks = dict(
    channels_last=dict(type='ChannelsLastHook'),
    logger=dict(type='LoggerHook', interval=25),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=500, max_keep_ckpts=1))
