# The same for the lightest student; its start weights are trained before:
#   mim train mmocr configs/textdet/masket/dbnet_mobilenetv3-small_fpnc_1e_embedded.py
_base_ = 'white-box_mobilenetv3-large_td500-mini.py'

for _one in _base_.arms.values():
    _one.config = '../textdet/masket/dbnet_mobilenetv3-small_fpnc64_30e_td500-mini.py'
