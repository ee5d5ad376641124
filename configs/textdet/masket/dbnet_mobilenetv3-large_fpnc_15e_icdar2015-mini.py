# Plain student: the arm every distilled one is compared with. No ImageNet weights.
_base_ = ['_base_dbnet_mini.py', '_base_dbnet_mobilenetv3-large_fpnc64.py']
