# PARSeq for a CPU, not a published size: a quarter of the width, a third of the blocks.
_base_ = 'parseq.py'

model = dict(
    backbone=dict(embed_dims=96, depth=4, num_heads=3),
    decoder=dict(embed_dims=96, num_heads=6, dropout=0.0))
