# MSRA-TD500, and photos without labels: a batch has as many of each. An epoch is once through
# MSRA-TD500. The workers of the data loader make DB's targets.
_base_ = ['td500.py', '../../../_base_/datasets/photos.py']

train_pipeline = [*_base_.train_pipeline, dict(type='DBTargets')]
labelled = dict(_base_.td500_textdet_train, pipeline=train_pipeline)
unlabelled = dict(_base_.photos_textdet_unlabelled, pipeline=train_pipeline)
pseudo = dict(_base_.photos_textdet_pseudo, pipeline=train_pipeline)

train_dataloader = dict(
    sampler=dict(_delete_=True, type='RatioSampler', ratios=[1, 1], shuffle=True),
    dataset=dict(
        _delete_=True, type='ConcatDataset', verify_meta=False, datasets=[labelled, unlabelled]))
