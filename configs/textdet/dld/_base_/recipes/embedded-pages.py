# Detection on embedded pages, each of one text height: whole pages at their full 1024 pixels. Texts
# are loaded for models that are rated by reading.
_base_ = [
    '../../../../textspotting/_base_/datasets/embedded-pages.py',
    'whole-images.py',
]

load_image = dict(type='LoadImageFromFile')
load_words = dict(
    type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True, with_text=True)
resize = dict(type='Resize', scale=(1024, 1024), keep_ratio=True)
pack = dict(
    type='PackTextDetInputs', meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor'))

train_dataloader = dict(
    dataset=dict(
        _base_.embedded_pages_train,
        pipeline=[load_image, load_words, resize, pack]))
val_dataloader = dict(
    dataset=dict(
        _base_.embedded_pages_val,
        pipeline=[load_image, resize, load_words, pack]))
test_dataloader = dict(
    dataset=dict(
        _base_.embedded_pages_test,
        pipeline=[load_image, resize, load_words, pack]))
