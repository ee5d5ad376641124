# The MATRN for a CPU, reading crops of 16x64. Its teacher reads 32x128:
# configs/textrecog/matrn/matrn-small_8e_embedded.py
_base_ = '../../../matrn/_base_/models/matrn-small.py'

model = dict(backbone=dict(strides=[1, 1, 2, 1, 1]))
