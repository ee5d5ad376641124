# A selector for a small detector: 79,000 parameters, looks at half the resolution. It learns how
# many words the detector misses at each scale.
scale_factors = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
dld = dict(
    selector=dict(
        type='ResolutionSelector',
        scale_factors=scale_factors,
        predicts='errors',
        costs=None,
        full_ms=None,
        base_channels=64,
        input_short_edge=224,
        per_image=False),
    objective=dict(
        type='ErrorObjective',
        errors=dict(type='PassErrors', false_alarm_weight=0.5, threshold=0.5),
        loss=dict(type='ExpectedErrorLoss', kind='poisson', loss_weight=1.0)),
    recognizer=None,
    scale_factors=None,
    test_scale=None,
    price=1.0,
    budget=None,
    train_student=True,
    pad_divisor=32,
    max_long_edge=dict(train=1600, test=3000),
    antialias=False)

# For tests with model.budget.
custom_hooks = [dict(type='BudgetTableHook')]
