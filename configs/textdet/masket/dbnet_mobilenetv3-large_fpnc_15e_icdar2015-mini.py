# Plain student: the arm every distilled one is compared with. No ImageNet weights.
_base_ = ['_base_/recipes/icdar2015-mini.py', '_base_/models/dbnet_mobilenetv3-large_fpnc64.py']
