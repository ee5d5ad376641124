# DLD as its paper has it, with the network of the other selectors on this data. The
# costs are 10^9 multiply-adds of this detector at 448x448 and at what that is shrunk and padded to
# (product_macs of mmocr_kd.measure); the recogniser's do not depend on the scale. Of another
# detector: tools/cost_table.py.
_base_ = [
    '../_base_/models/dbnet-mobilenetv3-large_crnn-slim-vgg.py',
    '../_base_/recipes/embedded-sizes.py',
    '../_base_/distill/dld_paper.py',
]

dld = _base_.dld
dld.selector.update(
    costs=[cost / 1.182 for cost in (0.152, 0.218, 0.297, 0.489, 0.604, 0.869)],
    base_channels=64,
    per_image=False,
    input_short_edge=224)
dld.losses.sequence.update(search='ctc')
name = 'dbnet-mobilenetv3-large_crnn-slim-vgg_multiscale_2e_embedded-sizes'
model = dict(
    _delete_=True,
    type='DLDTextSpotter',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/' + name + '.py',
        checkpoint=f'work_dirs/{name}/epoch_2.pth'),
    scale_factors=None,
    test_scale=None,
    **dld)

# The official 50 steps of the temperature, spread over this shorter training.
custom_hooks = [dict(type='GumbelTemperatureHook', by_epoch=False, interval=6)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
