# Where in the map PP-OCRv6 sees text (channel-wise distillation), from the store of the MaskET run.
_base_ = ['dbnet_efficientnet-lite0_fpnc64_30e_td500-mini.py', '_base_/distill/cwd.py']

_base_.custom_hooks[0].teacher = dict(
    type='CachedTeacher',
    store='work_dirs/cache/ppocr_td500-mini',
    teacher=dict(type='OnnxTeacher', model='rapidocr'))
_base_.custom_hooks[0].loss.update(loss_weight=0.7)
