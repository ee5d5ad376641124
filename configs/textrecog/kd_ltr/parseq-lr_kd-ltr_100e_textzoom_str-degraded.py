# As trained on TextZoom, tested on five benchmarks: words shrunk to 16x64, then blurred and so on.
_base_ = ['parseq-lr_kd-ltr_100e_textzoom.py', '../_base_/datasets/str.py']

test_dataloader = dict(dataset=dict(_delete_=True, **_base_.str_degraded_test))
test_evaluator = _base_.str_evaluator
