# Spotting on ICDAR2015 with ABCNet: data as tools/prepare_dataset.py writes them for the task
# textspotting, augmentation, optimiser and batches of DLD's official code (AdamW, 24 images a
# step on eight GPUs). How large training images are, and how long it takes, is up to the configs.
_base_ = 'mmocr::textdet/_base_/default_runtime.py'
# abcnet may be missing, so that configs can be read without it.
custom_imports = dict(imports=['mmocr_kd', 'abcnet'], allow_failed_imports=True)

load_image = dict(type='LoadImageFromFile', color_type='color_ignore_orientation')
load_words = dict(
    type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True, with_text=True)
augment = [
    dict(
        type='TorchVisionWrapper', op='ColorJitter', brightness=32.0 / 255, saturation=0.5),
    dict(type='RandomCrop', min_side_ratio=0.1),
    dict(type='RandomRotate', max_angle=15, pad_with_fixed_color=True, use_canvas=True),
]
resize = dict(type='Resize', scale=(3000, 1280), keep_ratio=True)
pack = dict(
    type='PackTextSpottingInputs',
    meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor'))

train_dataloader = dict(
    batch_size=3,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='CheckedOCRDataset',
        data_root='data/icdar2015',
        ann_file='textspotting_train.json',
        source=('python tools/prepare_dataset.py icdar2015 --task textspotting '
                '--dataset-zoo-path <mmocr>/dataset_zoo'),
        filter_cfg=dict(filter_empty_gt=True, min_size=32),
        pipeline=None))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CheckedOCRDataset',
        data_root='data/icdar2015',
        ann_file='textspotting_test.json',
        source=('python tools/prepare_dataset.py icdar2015 --task textspotting '
                '--dataset-zoo-path <mmocr>/dataset_zoo'),
        test_mode=True,
        pipeline=[load_image, resize, load_words, pack]))
test_dataloader = val_dataloader

val_evaluator = [
    dict(type='E2ETextSpottingMetric', protocols=['e2e', 'word_spotting'], lexicons=dict(none=None))
]
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.0),
    clip_grad=dict(max_norm=35.0, norm_type=2))
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=10))
visualizer = dict(type='TextSpottingLocalVisualizer')
# ABCNet has scales that this version of it does not use.
find_unused_parameters = True
