# MATRN that reads crops of 16x64. Its teacher reads 32x128:
# configs/textrecog/matrn/matrn_10e_st_mj.py
_base_ = '../../../matrn/_base_/models/matrn.py'

# The first stage does not stride, so that its first block needs no shortcut convolution: of the
# teacher's weights, backbone.layer1.0.downsample.* are not used.
model = dict(backbone=dict(strides=[1, 1, 2, 1, 1]))
