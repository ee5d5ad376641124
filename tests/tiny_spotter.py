"""Spotters small enough to train in a test, and images with words for them."""
import cv2
import numpy as np
import torch
from mmengine.structures import InstanceData
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from tiny import dbnet_cfg
from tiny_recog import crnn_cfg


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
