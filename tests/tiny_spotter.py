"""Spotters small enough to train in a test, and images with words for them."""
import cv2
import numpy as np
import torch
from mmengine.structures import InstanceData
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from tiny import dbnet_cfg
from tiny_recog import crnn_cfg
from torch import nn


@MODELS.register_module()
class DarkPixels(nn.Module):
    """A backbone that sees where images are dark, a fourth as large."""

    def forward(self, images):
        dark = nn.functional.relu(-1 - images.mean(1, keepdim=True))
        return nn.functional.avg_pool2d(dark, 4).expand(-1, 4, -1, -1)


def finder_cfg():
    """Config of a DBNet that finds dark words, once its head is :func:`focused`."""
    head = {**dbnet_cfg()['det_head'], 'in_channels': 4}
    return {**dbnet_cfg(), 'backbone': {'type': 'DarkPixels'}, 'neck': None, 'det_head': head}


def focused(head):
    """Weights with which a head of :func:`finder_cfg` takes what is dark for text."""
    conv, norm, _, up, other_norm, _, last = head.binarize
    norm.reset_running_stats()
    other_norm.reset_running_stats()
    for layer, weight, bias in ((conv, 1 / 36, 0.), (up, 1., 0.), (last, 60., -3.)):
        nn.init.constant_(layer.weight, weight)
        if layer.bias is not None:
            nn.init.constant_(layer.bias, bias)


def spotter_cfg(width=1 / 16, detector=None, recognizer=None, **fields):
    """Config of a thin DBNet with a thin CRNN behind it."""
    return {'type': 'DetRecTextSpotter', 'detector': detector or dbnet_cfg(),
            'recognizer': recognizer or crnn_cfg(low_res=False, width=width),
            'color_type': 'grayscale', 'crop': {'size': (32, 100)}, **fields}


def spotter(seed=0, **fields):
    """The same, built from a seed."""
    torch.manual_seed(seed)
    return MODELS.build(spotter_cfg(**fields))


def sample(polygons=(), texts=(), ignored=None, size=(96, 160), scale=(1., 1.)):
    """A data sample as MMOCR's pipelines pack it."""
    instances = InstanceData()
    instances.polygons = [np.array(polygon, dtype=np.float32) for polygon in polygons]
    instances.bboxes = np.zeros((len(polygons), 4), dtype=np.float32)
    instances.labels = torch.zeros(len(polygons), dtype=torch.long)
    instances.ignored = torch.tensor(ignored or [False] * len(polygons), dtype=torch.bool)
    instances.texts = list(texts)
    meta = {'img_shape': size, 'ori_shape': size, 'img_path': 'tiny.png', 'scale_factor': scale}
    return TextDetDataSample(gt_instances=instances, metainfo=meta)


def page(words, size=(96, 160), **fields):
    """White words on black: texts with their left bottom corner. Returns image and sample."""
    image = np.zeros((*size, 3), np.uint8)
    polygons = []
    for text, (x, y) in words:
        (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, .9, 2)
        cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, .9, (255, 255, 255), 2)
        left, top, right, bottom = x - 2, y - height - 3, x + width + 2, y + below // 2
        polygons.append([left, top, right, top, right, bottom, left, bottom])
    texts = [text for text, _ in words]
    return torch.from_numpy(image).permute(2, 0, 1), sample(polygons, texts, size=size, **fields)


def batch(*pages):
    """A batch as a data loader gives it."""
    images, samples = zip(*pages)
    return {'inputs': list(images), 'data_samples': list(samples)}
