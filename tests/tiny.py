"""Detectors small enough to train in a test, and batches for them."""
import copy

import numpy as np
import torch
from mmengine.structures import InstanceData
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from torch import nn

IMAGENET = {'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375]}


def dbnet_cfg(width=.35, neck=4, **fields):
    """Config of a DBNet on a thin MobileNetV3-small."""
    backbone = {'type': 'MobileNetV3', 'arch': 'small', 'width_mult': width}
    channels = MODELS.build(backbone).out_channels
    return {
        'type': 'DBNet',
        'backbone': backbone,
        'neck': {'type': 'FPNC', 'in_channels': channels, 'lateral_channels': 8,
                 'out_channels': neck},
        'det_head': {'type': 'DBHead', 'in_channels': 4 * neck,
                     'module_loss': {'type': 'DBModuleLoss'},
                     'postprocessor': {'type': 'DBPostprocessor', 'text_repr_type': 'quad'}},
        'data_preprocessor': {'type': 'TextDetDataPreprocessor', **IMAGENET, 'bgr_to_rgb': True,
                              'pad_size_divisor': 32},
        **fields
    }


@MODELS.register_module()
class FourConvs(nn.Module):
    """A backbone that is compiled soon."""

    def __init__(self):
        super().__init__()
        sizes = zip((3, 4, 4, 4), (4, 2, 2, 2))
        self.stages = nn.ModuleList(nn.Conv2d(width, 4, step, step) for width, step in sizes)

    def forward(self, x):
        """Maps at a quarter to a 32nd of the size."""
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def four_convs_cfg(**fields):
    """Config of a DBNet on that."""
    cfg = dbnet_cfg(backbone={'type': 'FourConvs'}, **fields)
    cfg['neck']['in_channels'] = [4] * 4
    return cfg


def pan_cfg(kind='PAN', width=.35):
    """Config of a PANet or PSENet on a thin MobileNetV3-small."""
    cfg = dbnet_cfg(width)
    outs = {'PAN': 6, 'PSE': 7}[kind]
    cfg.update(
        type={'PAN': 'PANet', 'PSE': 'PSENet'}[kind],
        neck={'type': 'FPEM_FFM', 'in_channels': cfg['neck']['in_channels'], 'conv_out': 8},
        det_head={'type': f'{kind}Head', 'in_channels': [8] * 4, 'hidden_dim': 8,
                  'out_channel': outs,
                  'module_loss': {'type': f'{kind}ModuleLoss'},
                  'postprocessor': {'type': f'{kind}Postprocessor', 'text_repr_type': 'quad'}})
    return cfg


def box(x, y, width=60, height=24):
    """A rectangle as MMOCR writes polygons."""
    corners = [x, y, x + width, y, x + width, y + height, x, y + height]
    return np.array(corners, dtype=np.float32)


def sample(polygons, ignored=None, size=(64, 96)):
    """A data sample as MMOCR's detection pipeline packs it."""
    instances = InstanceData()
    instances.polygons = [np.asarray(p, dtype=np.float32) for p in polygons]
    instances.bboxes = np.zeros((len(polygons), 4), dtype=np.float32)
    instances.labels = torch.zeros(len(polygons), dtype=torch.long)
    instances.ignored = torch.tensor(ignored or [False] * len(polygons), dtype=torch.bool)
    data_sample = TextDetDataSample(gt_instances=instances)
    data_sample.set_metainfo({'img_shape': size, 'ori_shape': size, 'img_path': 'tiny.png',
                              'scale_factor': (1., 1.)})
    return data_sample


def batch(images=2, size=(64, 96), seed=0):
    """A batch as a data loader gives it."""
    generator = torch.Generator().manual_seed(seed)
    inputs = [
        torch.randint(0, 256, (3, *size), generator=generator, dtype=torch.uint8)
        for _ in range(images)
    ]
    return {'inputs': inputs, 'data_samples': [sample([box(10, 15)], size=size)
                                               for _ in range(images)]}


def prepared(model, data=None):
    """What a model's forward gets: the batch after preprocessing."""
    return model.data_preprocessor(copy.deepcopy(data or batch()), True)


def checkpoint(path, cfg, seed=7):
    """Save a randomly initialised model as MMEngine would; returns a teacher config."""
    torch.manual_seed(seed)
    model = MODELS.build(copy.deepcopy(cfg))
    torch.save({'meta': {}, 'state_dict': model.state_dict()}, path)
    return {'config': copy.deepcopy(cfg), 'checkpoint': str(path)}
