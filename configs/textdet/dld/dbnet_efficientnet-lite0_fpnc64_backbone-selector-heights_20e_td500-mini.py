# The same errors from heights; the selector looks through the first stages of the detector's own
# backbone, which stay as they are, and learns a linear layer.
_base_ = 'dbnet_efficientnet-lite0_fpnc64_selector-heights_20e_td500-mini.py'

selector = _base_.model.selector
model = dict(
    selector=dict(
        _delete_=True,
        type='BackboneSelector',
        backbone=dict(
            type='TIMMFeatures',
            model_name='efficientnet_lite0',
            out_indices=(1, 2, 3),
            init_cfg=dict(
                type='Pretrained', checkpoint=_base_.load_from, prefix='backbone.')),
        in_channels=[24, 40, 112],
        scale_factors=selector.scale_factors,
        costs=selector.costs,
        input_short_edge=selector.input_short_edge))
optim_wrapper = dict(optimizer=dict(lr=3e-3))  # a linear layer
