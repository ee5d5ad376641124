"""Detectors with a resolution selector, small enough to train in a test."""
import copy

import torch
from mmengine.config import ConfigDict
from mmocr.registry import MODELS
from tiny import IMAGENET, dbnet_cfg, sample

SCALES = (.5, .75, 1.)
WORDS = [[8, 10, 88, 10, 88, 40, 8, 40], [20, 60, 120, 60, 120, 84, 20, 84]]


def dld_cfg(detector=None, scales=SCALES, **fields):
    """Config of a thin DBNet behind a thin selector."""
    fixed = fields.get('scale_factors') is not None
    cfg = {'type': 'DLDTextDetector', 'detector': detector or dbnet_cfg(),
           'selector': None if fixed else selector_cfg(scales),
           'objective': None if fixed else {'type': 'ErrorObjective'}}
    return {**cfg, **fields}


def selector_cfg(scales=SCALES, **fields):
    return {'type': 'ResolutionSelector', 'scale_factors': scales, 'base_channels': 16, **fields}


def backbone_selector_cfg(scales=SCALES, **fields):
    backbone = dbnet_cfg()['backbone']
    return {'type': 'BackboneSelector', 'scale_factors': scales, 'backbone': backbone,
            'in_channels': MODELS.build(backbone).out_channels, **fields}


def dld(*args, seed=0, **fields):
    """The same, built from a seed, with statistics that tell eval from training mode."""
    torch.manual_seed(seed)
    model = MODELS.build(dld_cfg(*args, **fields))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=.1)
            module.running_var.uniform_(.5, 2)
    return model


def retina_cfg():
    """Config of a thin RetinaNet of MMDetection in MMOCR's wrapper."""
    anchors = {'type': 'AnchorGenerator', 'octave_base_scale': 4, 'scales_per_octave': 1,
               'ratios': [.5], 'strides': [8, 16, 32]}
    head = {'type': 'RetinaHead', 'num_classes': 1, 'in_channels': 8, 'stacked_convs': 1,
            'feat_channels': 8, 'anchor_generator': anchors,
            'bbox_coder': {'type': 'DeltaXYWHBBoxCoder'},
            'loss_cls': {'type': 'FocalLoss', 'use_sigmoid': True},
            'loss_bbox': {'type': 'L1Loss'}}
    assigner = {'type': 'MaxIoUAssigner', 'pos_iou_thr': .5, 'neg_iou_thr': .4, 'min_pos_iou': 0.,
                'ignore_iof_thr': -1}
    return ConfigDict({'type': 'MMDetWrapper', 'cfg': {
        'type': 'RetinaNet', 'bbox_head': head,
        'backbone': {'type': 'ResNet', 'depth': 18, 'stem_channels': 8, 'base_channels': 8,
                     'out_indices': (1, 2, 3), 'norm_eval': False},
        'neck': {'type': 'FPN', 'in_channels': [16, 32, 64], 'out_channels': 8, 'num_outs': 3},
        'data_preprocessor': {'type': 'DetDataPreprocessor', **IMAGENET, 'bgr_to_rgb': True,
                              'pad_size_divisor': 32},
        'train_cfg': {'assigner': assigner, 'sampler': {'type': 'PseudoSampler'},
                      'allowed_border': -1, 'pos_weight': -1},
        'test_cfg': {'nms_pre': 100, 'min_bbox_size': 0, 'score_thr': 0.,
                     'nms': {'type': 'nms', 'iou_threshold': .5}, 'max_per_img': 5}}})


def wide_and_narrow(words=WORDS, scale_factor=(1., 1.)):
    """Two random images of different sizes with the same words, as a data loader gives them."""
    sizes = (96, 160), (128, 144)
    generator = torch.Generator().manual_seed(0)
    inputs = [torch.randint(0, 256, (3, *size), generator=generator, dtype=torch.uint8)
              for size in sizes]
    samples = [sample(words, size=size) for size in sizes]
    for one in samples:
        one.set_metainfo({'scale_factor': scale_factor})
    return {'inputs': inputs, 'data_samples': samples}


def prepared(model, data, training=True):
    """What a model's loss and predict get."""
    data = model.data_preprocessor(copy.deepcopy(data), training)
    return data['inputs'], data['data_samples']


def choose(model, monkeypatch, *indexes):
    """Let a selector expect no errors at one scale for each image of a batch, whatever it sees."""

    def forward(inputs, data_samples=None):
        chosen = torch.tensor(indexes[:len(inputs)])
        wanted = torch.nn.functional.one_hot(chosen, len(model.selector.scale_factors))
        return (1 - wanted) * 50. + model.selector.fc.bias.sum() * 0  # errors

    monkeypatch.setattr(model.selector, 'forward', forward)


def losses_of(model, data, *indexes, monkeypatch=None):
    """Losses of a training pass; with indexes at these scales."""
    if indexes:
        choose(model, monkeypatch, *indexes)
    return model.train().loss(*prepared(model, data))


def touched(model):
    """Which parts have gradients."""
    return {name.partition('.')[0] for name, p in model.named_parameters()
            if p.grad is not None and p.grad.any()}
