# MaskET from PP-OCRv6's detector, a black box. Once, before the first training:
#   pip install mmocr_kd[rapidocr] && mmocr-kd cache <this file>
_base_ = ['dbnet_efficientnet-lite0_fpnc64_30e_td500-mini.py', '_base_/distill/masket.py']

_base_.custom_hooks[0].teacher = dict(
    type='CachedTeacher',
    store='work_dirs/cache/ppocr_td500-mini',
    teacher=dict(type='OnnxTeacher', model='rapidocr'))
_base_.custom_hooks[0].loss.update(entropy_weight=5.0, kd_weight=5.0)
