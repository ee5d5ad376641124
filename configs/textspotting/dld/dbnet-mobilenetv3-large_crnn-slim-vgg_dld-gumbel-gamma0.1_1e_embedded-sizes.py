# The method's own way to train the selector, from nothing: through the scale that was drawn, with
# the exact loss of every scale (combine='loss').
_base_ = 'dbnet-mobilenetv3-large_crnn-slim-vgg_dld-gamma0.1_1e_embedded-sizes.py'

model = dict(
    selector=dict(predicts='logits', costs=1.5),
    objective=dict(
        _delete_=True,
        type='GumbelObjective',
        preset='official',
        accuracy=dict(mode='ce', combine='loss', loss_weight=1.0),
        cost=dict(loss_weight=0.1)),
    price=None)
load_from = None
# The official 50 steps of the temperature, spread over this shorter training.
custom_hooks = [dict(type='GumbelTemperatureHook', by_epoch=False, interval=6)]
