# The same architecture, small enough for a CPU; trains from nothing, nothing is downloaded.
_base_ = [
    '../_base_/models/mask-rcnn-resnet50_crnn-attn.py',
    '../_base_/recipes/embedded.py',
]

model = dict(
    detector=dict(
        backbone=dict(
            depth=18, stem_channels=32, base_channels=32, norm_eval=False, init_cfg=None),
        neck=dict(in_channels=[32, 64, 128, 256], out_channels=64),
        rpn_head=dict(in_channels=64, feat_channels=64, anchor_generator=dict(scales=[4])),
        roi_head=dict(
            bbox_roi_extractor=dict(out_channels=64),
            bbox_head=dict(in_channels=64, fc_out_channels=256),
            mask_roi_extractor=dict(out_channels=64),
            mask_head=dict(num_convs=2, in_channels=64, conv_out_channels=64)),
        train_cfg=dict(
            rpn_proposal=dict(nms_pre=500, max_per_img=100), rcnn=dict(sampler=dict(num=64))),
        test_cfg=dict(rpn=dict(nms_pre=500, max_per_img=100))),
    roi_extractor=dict(in_channels=64, out_channels=64),
    recognizer=dict(
        backbone=dict(in_channels=64, out_channels=128),
        encoder=dict(in_channels=128, hidden_channels=64, out_channels=128),
        decoder=dict(in_channels=128, hidden_channels=128, max_seq_len=25)),
    texts=dict(max_length=25))

optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.0),
    clip_grad=dict(max_norm=35.0, norm_type=2))
