# Nothing to train: detection at one scale (model.test_scale), words cut out of the full image.
_base_ = ['dbnet-efficientnet-lite0_crnn-slim-vgg_embedded-pages.py', '../_base_/distill/dld.py']

model = dict(
    _delete_=True,
    type='DLDTextSpotter',
    student=dict(_base_.model, crop_from='full'),
    scale_factors=_base_.scale_factors,
    test_scale=0.5)
custom_hooks = []
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
