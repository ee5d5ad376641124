# Total-Text: 1255 training and 300 test images, curved words as polygons. As in MMOCR's own config,
# polygons that cross themselves are repaired. Models on it set text_repr_type='poly'.
_base_ = ['mmocr::textdet/_base_/datasets/totaltext.py', 'loaders.py']

# After LoadOCRAnnotations, which reads the polygons.
_base_.train_pipeline.insert(2, dict(type='FixInvalidPolygon', min_poly_points=4))
_base_.test_pipeline.insert(3, dict(type='FixInvalidPolygon', min_poly_points=4))

_base_.totaltext_textdet_train.pipeline = _base_.train_pipeline
_base_.totaltext_textdet_test.pipeline = _base_.test_pipeline
train_dataloader = dict(dataset=_base_.totaltext_textdet_train)
val_dataloader = dict(dataset=_base_.totaltext_textdet_test)
test_dataloader = val_dataloader
