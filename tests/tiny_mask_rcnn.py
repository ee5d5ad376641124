"""A Mask R-CNN that reads, small enough to train in a test."""
import torch
from mmocr.registry import MODELS

from mmocr_kd.models.spotters import Words
from mmocr_kd.models.spotters.mask_rcnn import MaskCut

CHARS = 'abcdefghijklmnopqrstuvwxyz'


def detector_cfg(channels=8):
    """Config of a thin Mask R-CNN; keeps what its full-size relative does."""
    roi = {'type': 'SingleRoIExtractor', 'out_channels': channels,
           'featmap_strides': [4, 8, 16, 32]}
    align = {'type': 'RoIAlign', 'sampling_ratio': 0}
    sampler = {'type': 'RandomSampler', 'pos_fraction': .5, 'neg_pos_ub': -1}
    assigner = {'type': 'MaxIoUAssigner', 'ignore_iof_thr': -1}
    nms = {'type': 'nms', 'iou_threshold': .7}
    return {
        'type': 'MaskRCNN',
        'backbone': {'type': 'ResNet', 'depth': 18, 'base_channels': channels, 'norm_eval': False,
                     'stem_channels': channels},
        'neck': {'type': 'FPN', 'in_channels': [channels << i for i in range(4)],
                 'out_channels': channels, 'num_outs': 5},
        'rpn_head': {
            'type': 'RPNHead', 'in_channels': channels, 'feat_channels': channels,
            'anchor_generator': {'type': 'AnchorGenerator', 'scales': [8], 'ratios': [.4, 1.6],
                                 'strides': [4, 8, 16, 32, 64]},
            'bbox_coder': {'type': 'DeltaXYWHBBoxCoder'},
            'loss_cls': {'type': 'CrossEntropyLoss', 'use_sigmoid': True},
            'loss_bbox': {'type': 'L1Loss'}},
        'roi_head': {
            'type': 'StandardRoIHead',
            'bbox_roi_extractor': {**roi, 'roi_layer': {**align, 'output_size': 7}},
            'bbox_head': {'type': 'Shared2FCBBoxHead', 'in_channels': channels,
                          'fc_out_channels': 16, 'roi_feat_size': 7, 'num_classes': 1,
                          'bbox_coder': {'type': 'DeltaXYWHBBoxCoder'},
                          'loss_cls': {'type': 'CrossEntropyLoss'},
                          'loss_bbox': {'type': 'L1Loss'}},
            'mask_roi_extractor': {**roi, 'roi_layer': {**align, 'output_size': 14}},
            'mask_head': {'type': 'FCNMaskHead', 'num_convs': 1, 'in_channels': channels,
                          'conv_out_channels': channels, 'num_classes': 1,
                          'loss_mask': {'type': 'CrossEntropyLoss', 'use_mask': True}}},
        'train_cfg': {
            'rpn': {'assigner': {**assigner, 'pos_iou_thr': .7, 'neg_iou_thr': .3,
                                 'min_pos_iou': .3},
                    'sampler': {**sampler, 'num': 32, 'add_gt_as_proposals': False},
                    'allowed_border': -1, 'pos_weight': -1, 'debug': False},
            'rpn_proposal': {'nms_pre': 50, 'max_per_img': 20, 'nms': nms, 'min_bbox_size': 0},
            'rcnn': {'assigner': {**assigner, 'pos_iou_thr': .5, 'neg_iou_thr': .5,
                                  'min_pos_iou': .5},
                     'sampler': {**sampler, 'num': 16, 'add_gt_as_proposals': True},
                     'mask_size': 28, 'pos_weight': -1, 'debug': False}},
        'test_cfg': {
            'rpn': {'nms_pre': 50, 'max_per_img': 20, 'nms': nms, 'min_bbox_size': 0},
            'rcnn': {'score_thr': .5, 'nms': {'type': 'nms', 'iou_threshold': .3},
                     'max_per_img': 10, 'mask_thr_binary': .5}}}


def dictionary_cfg(folder, chars=CHARS):
    """Config of a dictionary of lower-case letters."""
    path = folder / 'letters.txt'
    path.write_text('\n'.join(chars))
    return {'type': 'LeadingTokensDictionary', 'dict_file': str(path)}


def decoder_cfg(folder, channels=8, **fields):
    """Config of a narrow decoder for words of at most eight letters."""
    return {'type': 'AttnLSTMDecoder', 'dictionary': dictionary_cfg(folder),
            'in_channels': channels, 'hidden_channels': channels, 'max_seq_len': 8,
            'module_loss': {'type': 'AttnCEModuleLoss'},
            'postprocessor': {'type': 'AttentionPostprocessor'}, **fields}


def recognizer_cfg(folder, channels=8):
    """Config of a recogniser of features of words."""
    return {'type': 'EncoderDecoderRecognizer',
            'backbone': {'type': 'LightCRNN', 'in_channels': channels, 'out_channels': channels},
            'encoder': {'type': 'BiLSTMEncoder', 'in_channels': channels,
                        'hidden_channels': channels, 'out_channels': channels},
            'decoder': decoder_cfg(folder, channels)}


def spotter_cfg(folder, channels=8, **fields):
    """Config of the whole spotter."""
    return {'type': 'MaskRCNNTextSpotter', 'detector': detector_cfg(channels),
            'roi_extractor': {'type': 'MaskedRoIExtractor', 'in_channels': channels,
                              'out_channels': channels},
            'recognizer': recognizer_cfg(folder, channels),
            'texts': {'max_length': 8},
            'data_preprocessor': {'type': 'TextDetDataPreprocessor', 'mean': [127.5] * 3,
                                  'std': [127.5] * 3, 'pad_size_divisor': 32}, **fields}


def mask_rcnn_spotter(folder, seed=0, **fields):
    """The same, built from a seed."""
    torch.manual_seed(seed)
    model = MODELS.build(spotter_cfg(folder, **fields))
    model.init_weights()
    return model


def polygon_words(polygons, image_index, texts=(), vertical_ratio=1.5):
    """Words as the spotter outlines them."""
    cut = MaskCut(None, vertical_ratio)
    return Words.outlined([cut.outline(polygon, True) for polygon in polygons], image_index, texts)
