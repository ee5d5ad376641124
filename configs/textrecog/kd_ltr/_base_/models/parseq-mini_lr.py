# The PARSeq for a CPU, reading crops of 16x64. Its teacher reads 32x128:
# configs/textrecog/parseq/parseq-mini_10e_embedded.py
_base_ = '../../../parseq/_base_/models/parseq-mini.py'

# As many patches, a quarter as large: backbone.patch_embed.proj.weight has another shape than the
# teacher's.
model = dict(backbone=dict(img_size=(16, 64), patch_size=(2, 4)))
