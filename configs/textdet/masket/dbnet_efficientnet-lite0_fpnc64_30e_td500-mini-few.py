# Few labels: the plain student on the first 60 training photos of td500-mini; the file has them in
# random order. Steps are as many as with all 240.
_base_ = 'dbnet_efficientnet-lite0_fpnc64_30e_td500-mini.py'

labelled = dict(_base_.td500_mini_textdet_train, indices=60)
pipeline = labelled.pop('pipeline')
train_dataloader = dict(
    sampler=dict(_delete_=True, type='RatioSampler', ratios=[1], groups=240, shuffle=True),
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        verify_meta=False,
        datasets=[labelled],
        pipeline=pipeline))
