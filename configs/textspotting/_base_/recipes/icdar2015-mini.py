# Spotting on 400 + 100 real photos of 960x540, see docs/data.md. Whole images, because a selector
# looks at whole images; what is trained, and how long, is up to the configs.
_base_ = [
    '../../../textdet/_base_/datasets/icdar2015-mini.py',
    '../../../textrecog/_base_/datasets/words.py',
    'mmocr::textdet/_base_/default_runtime.py',
]
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)

load_image = dict(type='CheckedLoadImageFromFile', color_type='color_ignore_orientation')
load_test_image = dict(type='LoadImageFromFile', color_type='color_ignore_orientation')
load_words = dict(
    type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True, with_text=True)
resize = dict(type='Resize', scale=(960, 544), keep_ratio=True)
pack = dict(
    type='PackTextSpottingInputs',
    meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor'))

icdar2015_mini_textspotting_train = _base_.icdar2015_mini_textdet_train
icdar2015_mini_textspotting_train.pipeline = [load_image, load_words, resize, pack]
icdar2015_mini_textspotting_val = _base_.icdar2015_mini_textdet_val
icdar2015_mini_textspotting_val.pipeline = [load_test_image, resize, load_words, pack]

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=icdar2015_mini_textspotting_train)
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=icdar2015_mini_textspotting_val)
test_dataloader = val_dataloader

val_evaluator = [
    dict(type='E2ETextSpottingMetric', protocols=['e2e', 'word_spotting'], lexicons=dict(none=None))
]
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=2e-4),
    clip_grad=dict(max_norm=35.0, norm_type=2))
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
# The recogniser has read words of the same benchmark, and must not have read those that are to be
# found here.
icdar2015_words_train = _base_.icdar2015_words_train
icdar2015_words_train.not_on = [_base_.icdar2015_mini_textdet_val]

default_hooks = dict(
    disjoint_photos=dict(type='DisjointPhotosHook', words=[icdar2015_words_train]),
    logger=dict(type='LoggerHook', interval=10),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=1))
visualizer = dict(type='TextSpottingLocalVisualizer')
randomness = dict(seed=0)
