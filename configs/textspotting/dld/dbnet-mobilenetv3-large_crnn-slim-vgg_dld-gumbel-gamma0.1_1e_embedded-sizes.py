# The method's own way to train the selector, from nothing: through the scale that was drawn, with
# the exact loss of every scale (combine='loss').
_base_ = 'dbnet-mobilenetv3-large_crnn-slim-vgg_dld-gamma0.1_1e_embedded-sizes.py'

model = dict(
    losses=dict(
        target=None,
        accuracy=dict(type='ResolutionAccuracyLoss', mode='ce', combine='loss', loss_weight=1.0)))
load_from = None
