# The data DLD was trained and tested on: four training sets as one, each test set at its own size.
# What is trained, and how long, is up to the configs. Official: 8 GPUs with 3 images each.
_base_ = [
    '../datasets/icdar2013.py',
    '../datasets/icdar2015.py',
    '../datasets/mlt2017.py',
    '../datasets/totaltext.py',
    'mmocr::textdet/_base_/default_runtime.py',
]
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

load_image = dict(type='LoadImageFromFile', color_type='color_ignore_orientation')
load_words = dict(
    type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True, with_text=True)
pack = dict(
    type='PackTextSpottingInputs',
    meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor'))

# Filled with the mean colour: the official code rotates images that are normalised already.
augment = [
    dict(type='TorchVisionWrapper', op='ColorJitter', brightness=32.0 / 255, saturation=0.5),
    dict(type='RandomCrop', min_side_ratio=0.4),
    dict(
        type='RandomRotate',
        max_angle=15,
        pad_with_fixed_color=True,
        pad_value=(104, 116, 124),
        use_canvas=True),
]
resize = dict(type='Resize', scale=(1600, 896), keep_ratio=True)

train_dataloader = dict(
    batch_size=3,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            _base_.icdar2013_textspotting_train,
            _base_.icdar2015_textspotting_train,
            _base_.mlt2017_textspotting_train,
            _base_.totaltext_textspotting_train,
        ],
        pipeline=[load_image, load_words, *augment, resize, pack]))
auto_scale_lr = dict(base_batch_size=24)

icdar2013_textspotting_test = _base_.icdar2013_textspotting_test
icdar2013_textspotting_test.pipeline = [
    load_image, dict(type='Resize', scale=(3000, 768), keep_ratio=True), load_words, pack
]
icdar2015_textspotting_test = _base_.icdar2015_textspotting_test
icdar2015_textspotting_test.pipeline = [
    load_image, dict(type='Resize', scale=(3000, 1280), keep_ratio=True), load_words, pack
]
totaltext_textspotting_test = _base_.totaltext_textspotting_test
totaltext_textspotting_test.pipeline = [
    load_image, dict(type='Resize', scale=(3000, 896), keep_ratio=True), load_words, pack
]
val_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ConcatTestSets',
        datasets=[
            icdar2013_textspotting_test,
            icdar2015_textspotting_test,
            totaltext_textspotting_test,
        ],
        # For other images, as MMOCR's inferencers get them: the size of training.
        pipeline=[load_image, resize, load_words, pack]))
test_dataloader = val_dataloader
test_sets = ['icdar2013', 'icdar2015', 'totaltext']

val_evaluator = dict(
    type='MultiDatasetsEvaluator',
    metrics=[
        dict(
            type='E2ETextSpottingMetric',
            protocols=['e2e', 'word_spotting'],
            lexicons=dict(none=None))
    ],
    dataset_prefixes=test_sets)
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.0),
    clip_grad=dict(max_norm=35.0, norm_type=2))
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(
    logger=dict(type='LoggerHook', interval=50),
    checkpoint=dict(type='CheckpointHook', interval=10, max_keep_ckpts=2))
visualizer = dict(type='TextSpottingLocalVisualizer')
randomness = dict(seed=0)
