# DBNet behind a resolution selector that is rated by the detection loss. Starts from a trained
# detector: a selector learns nothing in front of one that has learnt nothing.
_base_ = [
    '../masket/_base_/models/dbnet_mobilenetv3-large_fpnc64.py',
    '_base_/recipes/embedded-sizes.py',
    '_base_/selector/det.py',
]

model = dict(_delete_=True, type='DLDTextDetector', detector=_base_.model, **_base_.pop('dld'))
load_from = 'mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k'

val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
