# MaskET: one hook on an unchanged detector. All fields stand here because mim gridsearch sweeps
# only what is written; docs/masket.md explains each. The leaf names the teacher.
custom_hooks = [
    dict(
        type='MaskETDistillHook',
        teacher=dict(config=None, checkpoint=None),
        loss=dict(
            type='MaskETLoss',
            entropy_weight=1.0,
            kd_weight=1.0,
            distance='l2',
            temperature=1.0,
            mask='text',
            reduction='mask',
            include_ignored=False,
            mask_threshold=0.3,
            mask_dilation=8),
        source='text_logits',
        schedule=dict(by_epoch=True, start=0, stop=None, warmup=0, decay=0))
]
