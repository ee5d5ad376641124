# MaskET on the embedded data: a MobileNetV3-small DBNet learns from a MobileNetV3-large one.
# Nothing is downloaded. Train the teacher first, or let "make demo" do it all:
#   mim train mmocr configs/textdet/masket/dbnet_mobilenetv3-large_fpnc_1e_embedded.py
#   mim train mmocr configs/masket_dbnet_mbv3.py
_base_ = [
    'textdet/masket/dbnet_mobilenetv3-small_fpnc_1e_embedded.py',
    'textdet/masket/_base_/distill/masket.py',
]

_base_.custom_hooks[0].teacher = dict(
    config='{{ fileDirname }}/textdet/masket/dbnet_mobilenetv3-large_fpnc_1e_embedded.py',
    checkpoint='work_dirs/dbnet_mobilenetv3-large_fpnc_1e_embedded/epoch_1.pth')
