# Detection on whole photos of MSRA-TD500, long side 1280: a selector looks at whole images.
_base_ = [
    '../../../_base_/datasets/td500-mini.py',
    'whole-images.py',
]

load_image = dict(type='CheckedLoadImageFromFile', color_type='color_ignore_orientation')
load_test_image = dict(type='LoadImageFromFile', color_type='color_ignore_orientation')
load_lines = dict(
    type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True)
resize = dict(type='Resize', scale=(1280, 1280), keep_ratio=True)
pack = dict(
    type='PackTextDetInputs', meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor'))

train_dataloader = dict(
    dataset=dict(
        _base_.td500_mini_textdet_train,
        pipeline=[load_image, load_lines, resize, pack]))
val_dataloader = dict(
    dataset=dict(
        _base_.td500_mini_textdet_val,
        pipeline=[load_test_image, resize, load_lines, pack]))
test_dataloader = dict(
    dataset=dict(
        _base_.td500_mini_textdet_test,
        pipeline=[load_test_image, resize, load_lines, pack]))
