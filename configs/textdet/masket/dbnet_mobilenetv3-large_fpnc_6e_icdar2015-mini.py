# Plain student: the arm every distilled one is compared with. All of them start from the same
# weights, pretrained on rendered text (no ImageNet weights of MobileNetV3 come in a wheel).
_base_ = ['_base_/recipes/icdar2015-mini.py', '_base_/models/dbnet_mobilenetv3-large_fpnc64.py']

load_from = 'mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k'
