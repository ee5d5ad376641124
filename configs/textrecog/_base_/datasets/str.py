# Benchmarks of scene text recognition, single images as LMDB in MMOCR's layout. Set STR to the
# folder that holds IC13_857, IC13_1015, IC15_1811, IC15_2077, CUTE80, SVT and SVTP.
# ICDAR2013 and ICDAR2015 are in use with two sizes each: say which one a number is about.
str_data_root = '{{$STR:data/str}}'

ic13_857 = dict(
    type='CheckedRecogLMDBDataset',
    data_root=str_data_root,
    ann_file='IC13_857',
    source='the folder that STR points to, see docs/data.md',
    img_color_type='color',
    on_error='raise',
    test_mode=True,
    pipeline=None)

ic13_1015 = dict(
    type='CheckedRecogLMDBDataset',
    data_root=str_data_root,
    ann_file='IC13_1015',
    source='the folder that STR points to, see docs/data.md',
    img_color_type='color',
    on_error='raise',
    test_mode=True,
    pipeline=None)

ic15_1811 = dict(
    type='CheckedRecogLMDBDataset',
    data_root=str_data_root,
    ann_file='IC15_1811',
    source='the folder that STR points to, see docs/data.md',
    img_color_type='color',
    on_error='raise',
    test_mode=True,
    pipeline=None)

ic15_2077 = dict(
    type='CheckedRecogLMDBDataset',
    data_root=str_data_root,
    ann_file='IC15_2077',
    source='the folder that STR points to, see docs/data.md',
    img_color_type='color',
    on_error='raise',
    test_mode=True,
    pipeline=None)

cute80 = dict(
    type='CheckedRecogLMDBDataset',
    data_root=str_data_root,
    ann_file='CUTE80',
    source='the folder that STR points to, see docs/data.md',
    img_color_type='color',
    on_error='raise',
    test_mode=True,
    pipeline=None)

svt = dict(
    type='CheckedRecogLMDBDataset',
    data_root=str_data_root,
    ann_file='SVT',
    source='the folder that STR points to, see docs/data.md',
    img_color_type='color',
    on_error='raise',
    test_mode=True,
    pipeline=None)

svtp = dict(
    type='CheckedRecogLMDBDataset',
    data_root=str_data_root,
    ann_file='SVTP',
    source='the folder that STR points to, see docs/data.md',
    img_color_type='color',
    on_error='raise',
    test_mode=True,
    pipeline=None)

str_test = [ic13_1015, ic15_2077, cute80, svt, svtp]

# Both images of a pair are shrunk from the same one. KD-LTR degrades the small one after that.
# MMOCR's inferencers take pipelines that begin with a LoadImageFromFile.
str_clean_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='SynthesizeLR', scale=1),
    dict(type='PairedResize', lr_scale=(64, 16), hr_scale=(128, 32), backend='pillow',
         interpolation='bicubic'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='PackPairedTextRecogInputs',
         meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]

str_degraded_pipeline = [
    dict(type='SynthesizeLR', scale=1),
    dict(type='PairedResize', lr_scale=(64, 16), hr_scale=(128, 32), backend='pillow',
         interpolation='bicubic'),
    dict(
        type='TextDegradation',
        prob=0.25,
        operations=dict(
            gaussian_blur=dict(sigma=(0, 3)),
            average_blur=dict(size=(1, 5)),
            median_blur=dict(size=(3, 7)),
            bilateral_blur=dict(size=(3, 9), sigma_color=(10, 250), sigma_space=(10, 250)),
            motion_blur=dict(size=(3, 3), angle=(0, 360), direction=(-1, 1)),
            mean_shift_blur=dict(spatial_radius=(5, 40), color_radius=(5, 40)),
            superpixels=dict(replace=(0.1, 0.5), segments=(1, 7)),
            gaussian_noise=dict(sigma=(0, 12.75), per_channel=0.5)),
        seed=0,
        seed_by_image=True),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='PackPairedTextRecogInputs',
         meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]

str_clean_test = dict(type='ConcatDataset', datasets=str_test, pipeline=str_clean_pipeline)
# An inferencer gets the clean pipeline: it must not spoil the images it is given.
str_degraded_test = dict(
    type='ConcatTestSets',
    datasets=[dict(part, pipeline=str_degraded_pipeline) for part in str_test],
    pipeline=str_clean_pipeline)

str_evaluator = dict(
    type='WeightedMultiDatasetsEvaluator',
    metrics=[dict(type='CheckedWordMetric', mode=['exact', 'ignore_case', 'ignore_case_symbol'])],
    dataset_prefixes=['IC13_1015', 'IC15_2077', 'CUTE80', 'SVT', 'SVTP'])
