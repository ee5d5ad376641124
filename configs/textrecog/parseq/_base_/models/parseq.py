# PARSeq as published (parseq, also called small), for crops of 32x128: 23.83 M parameters.
# For crops of 16x64: model = dict(backbone=dict(img_size=(16, 64), patch_size=(2, 4))), 23.81 M.

# The 94 printable ASCII characters in PARSeq's order. There is no start and no padding token: the
# decoder has its own, so that the 95 classes are those of the official weights.
dictionary = dict(
    type='Dictionary',
    dict_file='{{ fileDirname }}/../../../dicts/english_digits_punctuation.txt',
    with_start=False,
    with_end=True,
    same_start_end=False,
    with_padding=False,
    with_unknown=False)

model = dict(
    type='PARSeq',
    backbone=dict(
        type='PARSeqViT',
        img_size=(32, 128),
        patch_size=(4, 8),
        in_channels=3,
        embed_dims=384,
        depth=12,
        num_heads=6,
        mlp_ratio=4.0),
    decoder=dict(
        type='PARSeqDecoder',
        dictionary=dictionary,
        embed_dims=384,
        depth=1,
        num_heads=12,
        mlp_ratio=4.0,
        dropout=0.1,
        max_seq_len=25,
        num_orders=6,
        mirrored_orders=True,
        decode_ar=True,
        refine_iters=1,
        module_loss=dict(type='PARSeqModuleLoss', letter_case='unchanged'),
        postprocessor=dict(type='AttentionPostprocessor', ignore_chars=[])),
    data_preprocessor=dict(
        type='TextRecogDataPreprocessor',
        mean=[127.5, 127.5, 127.5],
        std=[127.5, 127.5, 127.5],
        bgr_to_rgb=True))
