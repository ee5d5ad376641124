# Deep mutual learning: two plain students that differ in their first weights alone teach each
# other. All fields stand here because mim gridsearch sweeps only what is written;
# docs/self_distillation.md explains each.
_base_ = 'dbnet_mobilenetv3-small_fpnc_1e_embedded.py'

model = dict(
    _delete_=True,
    type='MutualDistiller',
    students=[_base_.model, _base_.model],
    terms=[
        dict(
            loss=dict(
                type='BinaryKDLoss',
                loss_weight=1.0,
                temperature=1.0,
                mask='none',
                reduction='mask',
                include_ignored=False),
            source='text_logits')
    ],
    schedule=dict(by_epoch=True, start=0, stop=None, warmup=0, decay=0),
    predict_with=0)
