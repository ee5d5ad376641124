# The lightest student of td500-mini. Its start weights are trained before, in minutes:
#   mim train mmocr configs/textdet/masket/dbnet_mobilenetv3-small_fpnc_1e_embedded.py
_base_ = ['_base_/recipes/td500-mini.py', '_base_/models/dbnet_mobilenetv3-small_fpnc64.py']

model = dict(det_head=dict(module_loss=dict(type='PreparedDBModuleLoss')))
load_from = 'work_dirs/dbnet_mobilenetv3-small_fpnc_1e_embedded/epoch_1.pth'
