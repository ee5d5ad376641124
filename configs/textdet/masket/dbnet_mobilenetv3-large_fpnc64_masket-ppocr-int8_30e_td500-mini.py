# MaskET from PP-OCRv6's detector, and rounding to 8 bits in the last quarter (docs/deploy.md). The
# store is that of the other runs of this data: mmocr-kd cache <this file>, once. Afterwards:
#   mmocr-kd export <this file> epoch_30.pth --out det.onnx
#   mmocr-kd quantize det.onnx --images <photos that were learnt from> --out det8.onnx
_base_ = ['dbnet_mobilenetv3-large_fpnc64_30e_td500-mini.py', '_base_/distill/masket.py']

_base_.custom_hooks[0].teacher = dict(
    type='CachedTeacher',
    store='work_dirs/cache/ppocr_td500-mini',
    teacher=dict(type='OnnxTeacher', model='rapidocr'))
_base_.custom_hooks[0].loss.update(entropy_weight=5.0, kd_weight=5.0)
_base_.custom_hooks.append(dict(type='QuantizationAwareTrainingHook', start=22, by_epoch=True))
