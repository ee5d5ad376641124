# The losses of KD-LTR with the numbers of its official code, written out for sweeps. Decoders with
# position attention (ABINet, MATRN); in_channels are the channels of the glimpses.
kd_ltr_losses = dict(
    visual=dict(type='VisualFocusLoss', loss_weight=4.0, mask='attention'),
    semantic=dict(
        type='SemanticContrastiveLoss',
        loss_weight=2.0,
        in_channels=512,
        hidden_channels=256,
        out_channels=512,
        temperature=0.1,
        projector='bilstm',
        exclude_same_class=False),
    logits=dict(
        type='SoftLogitsLoss',
        loss_weight=20.0,
        temperature=4.0,
        alpha=0.2,
        path_threshold=0.1,
        num_paths=6,
        branch=3,
        length_norm='div',
        mask_source='teacher_path',
        log_floor=-10.0),
    hard=dict(type='HardLabelLoss', loss_weight=0.025))
