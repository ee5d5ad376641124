# Plain light student of td500-mini. It starts from weights that were trained on rendered text: no
# ImageNet weights of MobileNetV3 come in a wheel.
_base_ = ['_base_/recipes/td500-mini.py', '_base_/models/dbnet_mobilenetv3-large_fpnc64.py']

model = dict(det_head=dict(module_loss=dict(type='PreparedDBModuleLoss')))
load_from = 'mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k'
