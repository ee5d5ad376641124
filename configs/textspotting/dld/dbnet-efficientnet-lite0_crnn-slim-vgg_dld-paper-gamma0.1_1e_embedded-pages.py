# DLD as its paper has it, with the network of the other selectors on these pages. The costs are
# multiply-adds of this detector at 1024x1024 and at what that is shrunk and padded to: published
# costs do not count the recogniser. Of another detector: tools/cost_table.py.
_base_ = [
    'dbnet-efficientnet-lite0_crnn-slim-vgg_embedded-pages.py',
    '../_base_/distill/dld_paper.py',
]

dld = _base_.dld
dld.selector.update(
    costs=[0.098, 0.165, 0.25, 0.391, 0.517, 0.66],
    base_channels=64,
    per_image=False,
    input_short_edge=256)
dld.losses.sequence.update(search='ctc')
name = 'dbnet-efficientnet-lite0_crnn-slim-vgg_multiscale_1e_embedded-pages'
model = dict(
    _delete_=True,
    type='DLDTextSpotter',
    student=_base_.model,
    teacher=dict(
        config='{{ fileDirname }}/' + name + '.py',
        checkpoint=f'work_dirs/{name}/epoch_1.pth'),
    scale_factors=None,
    test_scale=None,
    train_student=True,
    **dld)

# The official 50 steps of the temperature, spread over this shorter training.
custom_hooks = [dict(type='GumbelTemperatureHook', by_epoch=False, interval=10)]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=1)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-6, end=1, by_epoch=True, convert_to_iter_based=True)
]
val_evaluator = [
    *_base_.val_evaluator,
    dict(type='ResolutionStatMetric', scale_factors=_base_.scale_factors),
]
test_evaluator = val_evaluator
