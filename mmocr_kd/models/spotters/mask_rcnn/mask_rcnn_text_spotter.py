"""Mask R-CNN that reads: the spotter DLD was published with."""
from __future__ import annotations

import copy
from itertools import islice
from typing import Any, Iterable, Mapping, Sequence

from mmengine.config import ConfigDict
from mmocr.models.textdet.detectors.base import BaseTextDetector
from mmocr.registry import MODELS
from torch import Tensor

from ....adapters.image_sizes import Size, valid_sizes
from ....distill.memory_format import fast_layout
from ....losses import Labels, Reading
from ..detector_losses import idle_loss, name_losses
from ..spotter_protocol import Batch, Detected, Full
from ..spotting_samples import spotting_sample
from ..word_reader import WordReader
from ..words import Words
from .detector_pass import DetectorPass
from .masked_roi_extractor import MaskCut


@MODELS.register_module()
class MaskRCNNTextSpotter(BaseTextDetector):
    """Mask R-CNN with a recogniser on the features of its words (DLD, ECCV 2022).

    Both share backbone and neck. The recogniser learns from annotated words, cut out along their
    polygons; in prediction it reads what the mask head outlines.

    Args:
        detector: Config of MMDetection's ``MaskRCNN``, or another two-stage detector of it with
            masks, without ``data_preprocessor``.
        roi_extractor: Config of a :class:`.MaskedRoIExtractor`.
        recognizer: Config of a recogniser of MMOCR whose backbone takes the extractor's features,
            such as an ``EncoderDecoderRecognizer``.
        texts: Fields of :class:`~mmocr_kd.models.spotters.TrainableTexts`: which texts the
            recogniser learns.
        vertical_ratio: Words more than this many times as high as wide are transposed.
        text_repr_type: 'poly', or 'quad' for data sets of four corners.
        contour_tolerance: How far polygons may be from the masks' contours, pixels of the input.
        chunk_size: How many words to read at a time in prediction, and at several sizes; bounds
            the memory.
        loss_weights: Weights of the 'det' and 'rec' losses, 1 by default.
        data_preprocessor: Normalises, for both parts, and pads.
        init_cfg: As in MMEngine.

    Raises:
        ValueError, TypeError: If a field has an unknown value.

    Map: detector_pass.py finds words and keeps the map, masked_roi_extractor.py and masked_crops.py
    cut them out of it, ../word_reader.py reads them, and
    adapters/recognition/reading_recorder.py notes how. Others ask by ../spotter_protocol.py.
    """

    def __init__(self,
                 detector: dict[str, Any],
                 roi_extractor: dict[str, Any],
                 recognizer: dict[str, Any],
                 texts: Mapping[str, Any] | None = None,
                 vertical_ratio: float = 1.5,
                 text_repr_type: str = 'poly',
                 contour_tolerance: float = 1.0,
                 chunk_size: int = 64,
                 loss_weights: Mapping[str, float] | None = None,
                 data_preprocessor: dict[str, Any] | None = None,
                 init_cfg: Any = None) -> None:
        super().__init__(data_preprocessor, init_cfg)
        _check_fields(detector, chunk_size, loss_weights or {})
        # MMDetection reads parts of its config as attributes.
        self.detector: Any = MODELS.build(
            ConfigDict(copy.deepcopy(detector), _scope_='mmdet'))
        self.roi_extractor: Any = MODELS.build({'type': 'MaskedRoIExtractor', **roi_extractor})
        # A copy: MMOCR's decoders write into their configs.
        self.recognizer: Any = MODELS.build(copy.deepcopy(recognizer))
        self.chunk_size = chunk_size
        self.loss_weights = {'det': 1.0, 'rec': 1.0, **(loss_weights or {})}
        self._detection = DetectorPass(self.detector, self.roi_extractor.featmap_level,
                                       text_repr_type, contour_tolerance)
        self._reader = WordReader(self.recognizer, MaskCut(self.roi_extractor, vertical_ratio),
                                  texts)

    @property
    def rec_decoder(self) -> Any:
        """The recogniser's decoder."""
        return self.recognizer.decoder

    def extract_feat(self, inputs: Tensor) -> Any:
        """The neck's maps of normalised images, shape (B, 3, H, W)."""
        return self.detector.extract_feat(inputs)

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Losses of both parts, named 'det.' and 'rec.' and what the part calls them.

        Args:
            inputs: Normalised images, shape (B, 3, H, W).
            data_samples: B samples with polygons, labels, texts and ignored words; left untouched.
        """
        return self.losses_and_reading(inputs, data_samples, self.words_of(data_samples))[0]

    def losses_and_reading(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                           full: Full | None = None) -> tuple[dict[str, Tensor], Reading | None]:
        """As :meth:`loss`, of given words; see :meth:`.DistillableSpotter.losses_and_reading`."""
        det_losses, feature = self._detection.losses(inputs, data_samples)
        rec_losses, reading = self._rec_loss(feature, valid_sizes(inputs, data_samples), words)
        return (name_losses('det', det_losses, self.loss_weights['det'])
                | name_losses('rec', rec_losses, self.loss_weights['rec'])), reading

    def normalized(self, inputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """The batch as it is: the data preprocessor normalises and then pads with zeros."""
        return inputs

    def words_of(self, data_samples: Sequence[Any]) -> Words:
        """The annotated words the recogniser can learn from.

        Args:
            data_samples: B samples at full resolution.
        """
        return self._reader.annotated(data_samples)

    def read_along(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                   full: Full | None = None) -> Reading | None:
        """How the recogniser reads annotated words, in training or eval mode.

        Runs backbone, neck and recogniser; neither proposals nor the heads of the detector.
        """
        if not len(words):
            return None
        sizes = valid_sizes(inputs, data_samples)
        return self._reader.read_along(self._detection.feature(inputs), sizes, words,
                                       with_loss=False)[1]

    def read_at_sizes(self, batches: Iterable[Batch],
                      full: Full | None = None) -> tuple[Tensor, Labels]:
        """As :meth:`read_along` of several batches; see :meth:`.ReadsAtSizes.read_at_sizes`."""
        readers = self.detector.backbone, self.detector.neck, self.roi_extractor
        maps = ((self._detection.feature(fast_layout(inputs, *readers)),
                 valid_sizes(inputs, data_samples), words)
                for inputs, data_samples, words in batches)
        return self._reader.read_at_sizes(maps, self.chunk_size)

    def detect(self, inputs: Tensor, data_samples: Sequence[Any]) -> list[Detected]:
        """Find words, in pixels of ``inputs``; see :meth:`.DistillableSpotter.detect`."""
        return self._detection.find(inputs, data_samples)[0]

    def predict(self, inputs: Tensor, data_samples: Sequence[Any],
                full: Full | None = None) -> list[Any]:
        """Find words and read them.

        Args:
            inputs: Normalised images, shape (B, 3, H, W).
            data_samples: B samples with ``img_shape`` and ``scale_factor``.
            full: Not looked at: words are read off the detector's features.

        Returns:
            B new samples with ``pred_instances``: ``polygons`` in pixels of the original image
            and their ``scores``, ``texts`` with ``char_scores`` and ``text_scores``, their mean.
        """
        found, feature = self._detection.find(inputs, data_samples)
        words = self._reader.found([polygons for polygons, _ in found], data_samples)
        readings = iter(self._reader.read(feature, valid_sizes(inputs, data_samples), words,
                                          self.chunk_size))
        return [spotting_sample(sample, polygons, scores, list(islice(readings, len(polygons))))
                for sample, (polygons, scores) in zip(data_samples, found)]

    def _rec_loss(self, feature: Tensor, sizes: Sequence[Size],
                  words: Words) -> tuple[dict[str, Any], Reading | None]:
        if not len(words):
            idle = idle_loss([self.roi_extractor, self.recognizer], feature)
            return {'loss_idle': idle}, None
        return self._reader.read_along(feature, sizes, words, with_loss=True)

    def _forward(self, inputs: Tensor, data_samples: Sequence[Any] | None = None) -> Any:
        """The neck's maps; with annotated samples a tuple of them and the logits."""
        features = self.extract_feat(inputs)
        if not data_samples or not all('gt_instances' in sample for sample in data_samples):
            return features
        words = self.words_of(data_samples)
        if not len(words):
            return features, None
        feature = features[self.roi_extractor.featmap_level]
        sizes = valid_sizes(inputs, data_samples)
        reading = self._reader.read_along(feature, sizes, words, with_loss=False)[1]
        return features, reading.logits[0]


def _check_fields(detector: Mapping[str, Any], chunk_size: int,
                  loss_weights: Mapping[str, float]) -> None:
    if 'data_preprocessor' in detector:
        raise ValueError('detector has a data_preprocessor, which would not be used: move its '
                         "fields to the spotter's data_preprocessor, a TextDetDataPreprocessor")
    if chunk_size < 1:
        raise ValueError(f'chunk_size={chunk_size} must be at least 1')
    if unknown := set(loss_weights) - {'det', 'rec'}:
        raise ValueError(f"loss_weights has {sorted(unknown)}: it takes 'det' and 'rec'")
