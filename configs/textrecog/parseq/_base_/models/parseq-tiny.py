# PARSeq with half the width and half the heads, as published: 6.02 M parameters.
_base_ = 'parseq.py'

model = dict(
    backbone=dict(embed_dims=192, num_heads=3), decoder=dict(embed_dims=192, num_heads=6))
