# The second stage of DLD on its own data: student and selector are trained together for 50 epochs,
# on images whose shorter edge is 896 pixels. No warm-up, since the student starts as its teacher.
_base_ = 'dld-mixture.py'

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=50, val_interval=10)
param_scheduler = [dict(type='MultiStepLR', milestones=[30, 40], gamma=0.1, end=50, by_epoch=True)]
# The recogniser has no gradient where no image of a batch has text.
find_unused_parameters = True

# Readings as they are. Word lists come with each data set: the README of dld says how to use them.
val_evaluator = dict(
    metrics=[
        dict(
            type='E2ETextSpottingMetric',
            protocols=['e2e', 'word_spotting'],
            lexicons=dict(none=None)),
        dict(type='ResolutionStatMetric', scale_factors=[0.3, 0.4, 0.5, 0.6, 0.7, 0.8]),
    ])
test_evaluator = val_evaluator
