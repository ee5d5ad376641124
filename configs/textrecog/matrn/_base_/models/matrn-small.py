# MATRN with a quarter of the width, fewer layers and heads: 1.2 M parameters, for a CPU.
_base_ = 'matrn.py'

model = dict(
    backbone=dict(stem_channels=8, base_channels=8, arch_settings=[1, 2, 2, 2, 1]),
    encoder=dict(n_layers=1, n_head=2, d_model=128, d_inner=256, dropout=0.0),
    decoder=dict(
        vision_decoder=dict(in_channels=128, num_channels=32),
        language_decoder=dict(n_layers=2, n_head=2, d_model=128, d_inner=256, dropout=0.0),
        semantic_visual=dict(
            n_layers=1, n_head=2, d_model=128, d_inner=256, dropout=0.0, num_channels=32)))
