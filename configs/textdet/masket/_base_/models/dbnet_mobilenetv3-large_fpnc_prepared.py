# The student, with targets that the workers of the data loader made.
_base_ = 'dbnet_mobilenetv3-large_fpnc.py'

model = dict(det_head=dict(module_loss=dict(type='PreparedDBModuleLoss')))
