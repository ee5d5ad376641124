# MATRN as published, for crops of 32x128: 44.16 M parameters. Backbone, encoder, vision and
# language decoder are those of MMOCR's ABINet, whose weights they can start from.
_base_ = 'mmocr::textrecog/abinet/_base_abinet.py'

_base_.pop('train_pipeline')
_base_.pop('test_pipeline')
_base_.pop('tta_pipeline')

# The 37 classes of ABINet, at their places: digits, letters, end token. Without a start token all
# 26 steps are trained, so that words of up to 25 characters fit. Labels lose their other
# characters, as in ABINet's and MATRN's own training.
dictionary = _base_.dictionary
dictionary.update(
    with_start=False,
    with_end=True,
    same_start_end=False,
    with_padding=False,
    with_unknown=True,
    unknown_token=None)

model = dict(
    _delete_=True,
    type='MATRN',
    backbone=dict(
        type='ResNetABI',
        in_channels=3,
        stem_channels=32,
        base_channels=32,
        arch_settings=[3, 4, 6, 6, 3],
        strides=[2, 1, 2, 1, 1]),
    encoder=dict(
        type='ABIEncoder',
        n_layers=3,
        n_head=8,
        d_model=512,
        d_inner=2048,
        dropout=0.1,
        max_len=8 * 32),
    decoder=dict(
        type='MATRNFuser',
        dictionary=dictionary,
        max_seq_len=26,
        num_iters=3,
        vision_decoder=dict(
            type='ABIVisionDecoder',
            in_channels=512,
            num_channels=64,
            attn_height=8,
            attn_width=32,
            attn_mode='nearest'),
        language_decoder=dict(
            type='ExportableABILanguageDecoder',
            d_model=512,
            n_head=8,
            d_inner=2048,
            n_layers=4,
            dropout=0.1,
            detach_tokens=True,
            use_self_attn=False),
        semantic_visual=dict(
            type='SemanticVisualFusion',
            d_model=512,
            n_layers=2,
            n_head=8,
            d_inner=2048,
            dropout=0.1,
            num_channels=64,
            attn_height=8,
            attn_width=32,
            attn_mode='nearest',
            mask_word_prob=0.9,
            mask_token_prob=0.9,
            mask_candidates=10),
        module_loss=dict(
            type='MATRNModuleLoss',
            letter_case='lower',
            weight_vis=1.0,
            weight_lang=1.0,
            weight_fusion=3.0),
        postprocessor=dict(type='AttentionPostprocessor')),
    data_preprocessor=dict(
        type='TextRecogDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True))
