# Soft targets of PP-OCRv6's detector, from the store that the MaskET run of this data has, too.
_base_ = ['dbnet_efficientnet-lite0_fpnc64_30e_td500-mini.py', '_base_/distill/kd.py']

_base_.custom_hooks[0].teacher = dict(
    type='CachedTeacher',
    store='work_dirs/cache/ppocr_td500-mini',
    teacher=dict(type='OnnxTeacher', model='rapidocr'))
_base_.custom_hooks[0].loss.update(loss_weight=5.0)
