# As dbnet_mobilenetv3-large_fpnc_dld-det_1e_embedded-sizes.py, but the selector is rated by how a
# frozen recogniser reads.
_base_ = [
    '../masket/_base_/models/dbnet_mobilenetv3-large_fpnc64.py',
    '_base_/recipes/embedded-sizes.py',
    '_base_/selector/rec-lr.py',
]

model = dict(_delete_=True, type='DLDTextDetector', detector=_base_.model, **_base_.pop('dld'))
load_from = 'mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k'

val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
