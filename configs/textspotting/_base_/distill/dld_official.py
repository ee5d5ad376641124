# DLD as in its official code, with what was wrong there mended: the teacher and the candidate
# passes run in eval mode, testing takes the best scale instead of drawing one, the sequence loss is
# in log space. For attention decoders; CTC ones take search='ctc' in losses.sequence.
scale_factors = [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
dld = dict(
    selector=dict(
        type='ResolutionSelector',
        scale_factors=scale_factors,
        predicts='logits',
        costs=1.5,  # exponent of the scale
        base_channels=256,
        norm_cfg=dict(type='BN'),
        temperature=5.0,
        temperature_decay=0.965,
        min_temperature=0.01,
        input_short_edge=None,
        per_image=True),
    objective=dict(
        type='GumbelObjective',
        preset='official',
        accuracy=dict(mode='ce', combine='logits', loss_weight=1.0),
        cost=dict(loss_weight=0.1)),  # gamma
    losses=dict(
        roi=dict(
            type='FeatureL2Loss', reduction='mse', loss_weight=1.0, name='loss_kd_roi'),
        context=dict(
            type='FeatureL2Loss', reduction='mse', loss_weight=1.0, name='loss_kd_context'),
        sequence=dict(
            type='SequenceKDLoss', search='greedy', topk=1, reduction='mean', loss_weight=1.0)),
    init_student_from_teacher=True,
    pad_divisor=32,
    max_long_edge=dict(train=1600, test=3000),
    antialias=False)

custom_hooks = [dict(type='GumbelTemperatureHook', by_epoch=True, interval=1)]
