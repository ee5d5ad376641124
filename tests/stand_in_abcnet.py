"""A spotter with the parts and the habits of ABCNet in MMOCR's projects, a thousand times smaller.

Its habits: level 0 of the neck serves words alone; the detection loss rewrites the samples; the RoI
extractor counts images by their place in the list; the encoder puts time first; the decoder starts
from class 0, has neither start nor end token and tosses a coin at every step of training; ``loss``
of the whole does nothing.
"""
import random
from pathlib import Path

import mmocr
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.structures import InstanceData
from mmocr.models.textdet.detectors.base import BaseTextDetector
from mmocr.models.textrecog import EncoderDecoderRecognizer
from mmocr.models.textrecog.decoders.base import BaseDecoder
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import nn

from mmocr_kd.models.spotters.bezier_cut import bernstein, fit_outline

CHANNELS, STEPS = 8, 6
DICTIONARY = Path(mmocr.__file__).parent / '.mim/dicts/lower_english_digits.txt'


def abcnet_cfg(dropout=0.0, teach_prob=0.5, roi_neck=False, **fields):
    """Config of a stand-in."""
    return {'type': 'StandInABCNet', 'dropout': dropout, 'teach_prob': teach_prob,
            'roi_neck': roi_neck, **fields}


def abcnet(seed=0, **fields):
    """A stand-in with weights from a seed."""
    torch.manual_seed(seed)
    return MODELS.build(abcnet_cfg(**fields))


@MODELS.register_module()
class StandInABCNet(BaseTextDetector):

    def __init__(self, dropout, teach_prob, roi_neck, with_det_loss=True):
        preprocessor = {'type': 'TextDetDataPreprocessor', 'mean': [104.0, 116.0, 124.0],
                        'std': [60.0, 60.0, 60.0], 'pad_size_divisor': 32}
        super().__init__(data_preprocessor=preprocessor)
        self.backbone = _Pyramid()
        self.neck = _PerLevel(4)
        self.det_head = _DetHead(with_det_loss)
        self.roi_head = _RoIHead(roi_neck, dropout, teach_prob)

    def extract_feat(self, inputs):
        return self.neck(self.backbone(inputs))

    def loss(self, inputs, data_samples):
        pass

    def predict(self, inputs, data_samples):
        features = self.extract_feat(inputs)
        data_samples = self.det_head.predict(features, data_samples)
        read = iter(self.roi_head.predict(features, data_samples))
        for sample in data_samples:
            found = sample.pred_instances
            found.texts = [next(read).pred_text.item for _ in range(len(found))]
            found.polygons = [row / sample.scale_factor[0] for row in found.beziers.cpu().numpy()]
        return data_samples

    def _forward(self, inputs, data_samples=None):
        return self.det_head(self.extract_feat(inputs))


class _Pyramid(nn.Module):
    """Strides 4, 8, 16 and 32."""

    def __init__(self):
        super().__init__()
        widths = [3, CHANNELS, CHANNELS, CHANNELS, CHANNELS]
        self.convs = nn.ModuleList(
            nn.Conv2d(a, b, 5, stride=4 if i == 0 else 2, padding=2)
            for i, (a, b) in enumerate(zip(widths, widths[1:])))

    def forward(self, x):
        levels = []
        for conv in self.convs:
            x = conv(x).tanh()
            levels.append(x)
        return tuple(levels)


class _PerLevel(nn.Module):

    def __init__(self, levels):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 1) for _ in range(levels))

    def forward(self, levels):
        return tuple(conv(level) for conv, level in zip(self.convs, levels, strict=True))


class _DetHead(nn.Module):

    def __init__(self, with_loss):
        super().__init__()
        self.score = nn.Conv2d(CHANNELS, 1, 1)
        self.module_loss = F.binary_cross_entropy_with_logits if with_loss else None

    def forward(self, features, data_samples=None):
        return [self.score(level) for level in features[1:]]

    def loss(self, features, data_samples):
        counts = []
        for sample in data_samples:
            instances = sample.gt_instances
            sample.gt_instances = instances = instances[~instances.ignored]
            instances.beziers = torch.tensor(
                np.array([fit_outline(polygon) for polygon in instances.polygons]))
            counts.append(float(len(instances) > 0))
        scores = torch.stack([level.mean((1, 2, 3)) for level in self(features)])
        target = scores.new_tensor(counts).expand_as(scores)
        return {'loss_cls': self.module_loss(scores, target)}

    def predict(self, features, data_samples):
        for i, sample in enumerate(data_samples):
            height, width = sample.img_shape
            polygon = [2, 2, width / (i + 2), 2, width / (i + 2), height / 2, 2, height / 2]
            sample.pred_instances = InstanceData(
                beziers=torch.from_numpy(fit_outline(polygon))[None].to(features[0]),
                scores=torch.ones(1))
        return data_samples


class _RoIHead(nn.Module):

    def __init__(self, with_neck, dropout, teach_prob):
        super().__init__()
        if with_neck:
            self.neck = _PerLevel(3)
        self.roi_extractor = _BezierExtractor()
        dictionary = {'type': 'Dictionary', 'dict_file': str(DICTIONARY), 'with_padding': True}
        self.rec_head = EncoderDecoderRecognizer(
            backbone={'type': 'StandInRecBackbone'},
            encoder={'type': 'StandInRecEncoder'},
            decoder={'type': 'StandInRecDecoder', 'dictionary': dictionary, 'dropout': dropout,
                     'teach_prob': teach_prob, 'max_seq_len': STEPS,
                     'module_loss': {'type': 'CEModuleLoss', 'ignore_first_char': False,
                                     'ignore_char': -1, 'reduction': 'mean'},
                     'postprocessor': {'type': 'AttentionPostprocessor',
                                       'ignore_chars': ['padding']}})

    def predict(self, features, data_samples):
        if hasattr(self, 'neck'):
            features = self.neck(features[:3])
        pooled = self.roi_extractor(features, [s.pred_instances for s in data_samples])
        return self.rec_head.predict(pooled, [TextRecogDataSample() for _ in pooled])


class _BezierExtractor(nn.Module):
    """Samples a level between two curves, on 8 x 32 points; large words on a coarse level."""

    strides = (4, 8, 16)

    @property
    def num_inputs(self):
        return len(self.strides)

    def forward(self, features, proposals):
        features = features[:self.num_inputs]
        pooled = [self._sample([level[i:i + 1] for level in features], row)
                  for i, instances in enumerate(proposals) for row in instances.beziers]
        return torch.cat(pooled) + sum(level.sum() * 0 for level in features)

    def _sample(self, levels, numbers):
        sides = torch.from_numpy(bernstein(torch.linspace(0, 1, 32))).to(numbers) @ numbers.view(
            2, 4, 2)
        down = torch.linspace(0, 1, 8, device=numbers.device)[:, None, None]
        points = sides[0] * (1 - down) + sides[1].flip(0) * down
        level = int((points[-1] - points[0]).norm(dim=-1).mean() > 48)
        size = numbers.new_tensor(levels[level].shape[:1:-1]) * self.strides[level]
        grid = points / size * 2 - 1
        return F.grid_sample(levels[level], grid[None], align_corners=False)


@MODELS.register_module()
class StandInRecBackbone(nn.Module):

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, (8, 3), padding=(0, 1))

    def forward(self, x):
        return self.conv(x).relu()


@MODELS.register_module()
class StandInRecEncoder(nn.Module):

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(CHANNELS, CHANNELS // 2, bidirectional=True)

    def forward(self, feature, data_samples=None):
        return self.lstm(feature[:, :, 0].permute(2, 0, 1))[0]


@MODELS.register_module(name='StandInRecDecoder')
class ABCNetRecDecoder(BaseDecoder):

    def __init__(self, dropout, teach_prob, **fields):
        super().__init__(**fields)
        self.teach_prob = teach_prob
        classes = self.dictionary.num_classes
        self.embedding, self.dropout = nn.Embedding(classes, CHANNELS), nn.Dropout(dropout)
        self.energy, self.cell = nn.Linear(CHANNELS, 1), nn.GRUCell(2 * CHANNELS, CHANNELS)
        self.out = nn.Linear(CHANNELS, classes)

    def forward_train(self, feat=None, out_enc=None, data_samples=None):
        targets = torch.stack([sample.gt_text.padded_indexes for sample in data_samples])
        targets = targets.to(out_enc.device)
        return self._read(out_enc, lambda step: targets[:, step]
                          if random.random() > self.teach_prob else None)

    def forward_test(self, feat=None, out_enc=None, data_samples=None):
        return self._read(out_enc, lambda step: None).softmax(-1)

    def _read(self, memory, given):
        num_words = memory.shape[1]
        last = torch.zeros(num_words, dtype=torch.long, device=memory.device)
        state = memory.new_zeros(num_words, CHANNELS)
        outputs = []
        for step in range(self.max_seq_len):
            weights = self.energy((state + memory).tanh()).softmax(0)
            seen = torch.cat([self.dropout(self.embedding(last)), (weights * memory).sum(0)], 1)
            state = self.cell(seen, state)
            outputs.append(self.out(state))
            last = given(step)
            last = outputs[-1].argmax(1) if last is None else last
        return torch.stack(outputs, dim=1)
