# MaskET on the embedded data: a MobileNetV3-small DBNet learns from a MobileNetV3-large one that
# comes with the package. Nothing is downloaded, nothing has to be trained before:
#   mim train mmocr configs/masket_dbnet_mbv3.py
_base_ = [
    'textdet/masket/dbnet_mobilenetv3-small_fpnc_1e_embedded.py',
    'textdet/masket/_base_/distill/masket.py',
]

_base_.custom_hooks[0].teacher = dict(
    config='{{ fileDirname }}/textdet/masket/dbnet_mobilenetv3-large_fpnc_1e_embedded-12k.py',
    checkpoint='mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k')
