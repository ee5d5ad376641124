# The model of MMOCR's dbnet_resnet50_1200e_icdar2015.py: no deformable convolution and, as there,
# frozen BatchNorm statistics.
_base_ = 'dbnet_resnet50-dcnv2_fpnc.py'

_base_.model.backbone.pop('dcn')
_base_.model.backbone.pop('stage_with_dcn')
_base_.model.backbone.norm_eval = True
