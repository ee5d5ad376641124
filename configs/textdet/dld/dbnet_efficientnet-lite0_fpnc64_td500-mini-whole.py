# The detector of td500-mini on whole photos at 1280 pixels, as it was trained on crops of them by
#   C=configs/textdet/masket; mim train mmocr \
#       $C/dbnet_efficientnet-lite0_fpnc64_masket-ppocr_30e_td500-mini.py
# There is nothing to train here: rate it, and put a selector before it.
_base_ = [
    '../masket/_base_/models/dbnet_efficientnet-lite0_fpnc64.py',
    '_base_/recipes/td500-mini.py',
]
