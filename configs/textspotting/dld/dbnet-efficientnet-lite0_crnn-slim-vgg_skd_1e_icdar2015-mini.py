# SKD only: distillation at random scales, no selector; tested at half the resolution.
_base_ = 'dbnet-efficientnet-lite0_crnn-slim-vgg_dld_1e_icdar2015-mini.py'

model = dict(
    selector=None, objective=None, scale_factors=_base_.scale_factors, test_scale=0.5)
custom_hooks = []
load_from = None
