# ABCNet v1 as MMOCR's project has it, with everything that training needs; a plain spotter, so it
# is also what teachers are built from. The classes come with the project's package, abcnet; the
# dictionary is found by way of the environment variable ABCNET_ROOT, see the README of abcnet.
dictionary = dict(
    type='Dictionary',
    dict_file='{{$ABCNET_ROOT:projects/ABCNet}}/dicts/abcnet.txt',
    with_start=False,
    with_end=False,
    same_start_end=False,
    with_padding=True,
    with_unknown=True)
bbox_coder = dict(type='mmdet.DistancePointBBoxCoder')
strides = [8, 16, 32, 64, 128]

model = dict(
    type='ABCNet',
    data_preprocessor=dict(
        type='TextDetDataPreprocessor',
        mean=[103.53, 116.28, 123.675],
        std=[1, 1, 1],
        bgr_to_rgb=False,
        pad_size_divisor=32),
    backbone=dict(
        type='mmdet.ResNet',
        depth=50,
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        frozen_stages=1,
        norm_cfg=dict(type='BN', requires_grad=False),
        norm_eval=True,
        style='caffe',
        init_cfg=None),
    neck=dict(
        type='mmdet.FPN',
        in_channels=[256, 512, 1024, 2048],
        out_channels=256,
        start_level=0,
        add_extra_convs='on_output',
        num_outs=6,
        relu_before_extra_convs=True),
    det_head=dict(
        type='ABCNetDetHead',
        num_classes=1,
        in_channels=256,
        stacked_convs=4,
        feat_channels=256,
        strides=strides,
        norm_on_bbox=True,
        use_sigmoid_cls=True,
        centerness_on_reg=True,
        dcn_on_last_conv=False,
        conv_bias=True,
        use_scale=False,
        with_bezier=True,
        init_cfg=dict(
            type='Normal',
            layer='Conv2d',
            std=0.01,
            override=dict(type='Normal', name='conv_cls', std=0.01, bias=-4.59511985013459)),
        module_loss=dict(
            type='ABCNetDetModuleLoss',
            num_classes=1,
            strides=strides,
            center_sampling=True,
            center_sample_radius=1.5,
            bbox_coder=bbox_coder,
            norm_on_bbox=True,
            loss_cls=dict(
                type='mmdet.FocalLoss', use_sigmoid=True, gamma=2.0, alpha=0.25, loss_weight=1.0),
            loss_bbox=dict(type='mmdet.GIoULoss', loss_weight=1.0),
            loss_centerness=dict(
                type='mmdet.CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0)),
        postprocessor=dict(
            type='ABCNetDetPostprocessor',
            use_sigmoid_cls=True,
            strides=strides,
            bbox_coder=bbox_coder,
            with_bezier=True,
            test_cfg=dict(
                nms_pre=1000, nms=dict(type='nms', iou_threshold=0.5), score_thr=0.3))),
    roi_head=dict(
        type='RecRoIHead',
        roi_extractor=dict(
            type='BezierRoIExtractor',
            roi_layer=dict(type='BezierAlign', output_size=(8, 32), sampling_ratio=1.0),
            out_channels=256,
            featmap_strides=[4, 8, 16]),
        rec_head=dict(
            type='ABCNetRec',
            backbone=dict(type='ABCNetRecBackbone'),
            encoder=dict(type='ABCNetRecEncoder'),
            decoder=dict(
                type='ABCNetRecDecoder',
                dictionary=dictionary,
                # The probability of not seeing the label: never, or student and teacher differ.
                teach_prob=0.0,
                dropout_prob=0.5,
                max_seq_len=25,
                module_loss=dict(
                    type='CEModuleLoss',
                    ignore_first_char=False,
                    ignore_char=-1,
                    reduction='mean'),
                postprocessor=dict(
                    type='AttentionPostprocessor', ignore_chars=['padding', 'unknown'])))),
    postprocessor=dict(
        type='ABCNetPostprocessor', rescale_fields=['polygons', 'bboxes', 'beziers']))
