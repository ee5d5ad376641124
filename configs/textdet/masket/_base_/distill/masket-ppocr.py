# MaskET from PP-OCR, where it sees text, so that photos need no labels. It is asked once about each
# photo, by mmocr-kd cache <config>.
custom_hooks = [
    dict(
        type='MaskETDistillHook',
        teacher=dict(
            type='CachedTeacher',
            store='work_dirs/cache/ppocr_td500-photos',
            teacher=dict(type='OnnxTeacher', model='rapidocr')),
        loss=dict(
            type='MaskETLoss',
            entropy_weight=5.0,
            kd_weight=5.0,
            distance='l2',
            temperature=1.0,
            mask='teacher',
            reduction='mask',
            include_ignored=False,
            mask_threshold=0.3,
            mask_dilation=8),
        source='text_logits',
        schedule=dict(by_epoch=True, start=0, stop=None, warmup=0, decay=0)),
    dict(type='ChannelsLastHook')
]
