# DLD as we train it: the selector learns how many errors to expect at each scale, and whoever tests
# says what compute is worth (model.price or model.budget). For small CTC spotters: a selector of
# 79,000 parameters that looks at a small copy of the image.
scale_factors = [0.25, 0.375, 0.5, 0.75, 1.0]
dld = dict(
    selector=dict(
        type='ResolutionSelector',
        scale_factors=scale_factors,
        predicts='errors',
        costs=None,  # the share of the pixels; measured ones: mmocr-kd rate-scales
        full_ms=None,
        base_channels=64,
        input_short_edge=256),
    objective=dict(
        type='ErrorObjective',
        errors=dict(type='PassErrors', false_alarm_weight=0.5, threshold=0.5),
        loss=dict(type='ExpectedErrorLoss', kind='poisson', loss_weight=1.0)),
    price=None,  # 1: errors that one pass at full resolution is worth
    budget=None,
    test_scale=None,
    pad_divisor=32,
    max_long_edge=dict(train=1600, test=3000),
    antialias=False)
# What the student learns from its teacher.
losses = dict(
    roi=dict(type='FeatureL2Loss', reduction='mse', loss_weight=1.0, name='loss_kd_roi'),
    context=dict(type='FeatureL2Loss', reduction='mse', loss_weight=1.0, name='loss_kd_context'),
    sequence=dict(
        type='SequenceKDLoss', search='ctc', topk=1, reduction='mean', loss_weight=1.0))

# For tests with model.budget.
custom_hooks = [dict(type='BudgetTableHook')]
