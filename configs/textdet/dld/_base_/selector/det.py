# A selector for a small detector: 79,000 parameters, looks at half the resolution. It is rated by
# the detection loss of each image at each scale.
scale_factors = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
dld = dict(
    selector=dict(
        type='ResolutionSelector',
        scale_factors=scale_factors,
        base_channels=64,
        temperature=5.0,
        temperature_decay=0.965,
        min_temperature=0.01,
        input_short_edge=224,
        per_image=False),
    scale_factors=None,
    acc_source='det',
    recognizer=None,
    losses=dict(
        accuracy=dict(
            type='ResolutionTaskLoss', lost_weight=1.0, min_side=8.0, loss_weight=1.0),
        cost=dict(
            type='ResolutionCostLoss',
            scale_factors=scale_factors,
            cost='power',
            exponent=1.5,
            loss_weight=0.1)),  # gamma
    test_scale=None,
    pad_divisor=32,
    max_long_edge=dict(train=1600, test=3000),
    antialias=False)

# The 50 steps of the official temperature, spread over 300 iterations.
custom_hooks = [dict(type='GumbelTemperatureHook', by_epoch=False, interval=6)]
