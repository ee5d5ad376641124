"""A detector and a recogniser as one model that reads whole images."""
from __future__ import annotations

import copy
from itertools import islice
from typing import Any, Iterable, Mapping, Sequence

import torch
from mmocr.models.textdet.detectors.base import BaseTextDetector
from mmocr.registry import MODELS
from torch import Tensor

from ...adapters.image_sizes import Size, valid_sizes
from ...distill.renormalize import Normalization
from ...losses import Labels, Reading
from .detector_losses import detector_losses, idle_loss, name_losses
from .part_inputs import RAW, PartInputs, raw_preprocessor
from .quad_crops import QuadCut
from .spotter_protocol import Batch, Detected, Full
from .spotting_samples import in_input_frame, polygons_of, spotting_sample
from .word_reader import WordReader
from .words import Words

CROP_FROM = ('lr', 'full')


@MODELS.register_module()
class DetRecTextSpotter(BaseTextDetector):
    """Text spotter out of any detector and any recogniser of MMOCR.

    Trains both at once: the detector by its own loss, the recogniser on crops of the annotated
    words. Crops are sampled from the very images the detector sees, however small they are, by
    perspective; no gradient reaches the boxes. Each part normalises for itself.

    Where someone shrinks its images (DLD), the cost of reading stays the same. ``crop_from='full'``
    therefore detects in the small images and reads in the large ones: what a selector has to beat.

    Args:
        detector: Config of a detector, ``MMDetWrapper`` included; its ``data_preprocessor`` says
            how it normalises. With an ``init_cfg`` of type Pretrained it starts from a checkpoint
            of its own.
        recognizer: Config of a recogniser; likewise.
        crop: Fields of :class:`~mmocr_kd.models.spotters.QuadCut`, but ``normalize``.
        crop_from: 'lr' cuts words out of the images that the detector sees. 'full': out of the
            images at full resolution, if whoever shrank the batch hands them over, in training,
            reading and prediction alike.
        color_type: What the recogniser's pipeline loads, 'color' or 'grayscale'.
        texts: Fields of :class:`~mmocr_kd.models.spotters.TrainableTexts`: which texts the
            recogniser learns.
        chunk_size: How many words to read at a time in prediction, and at several sizes; bounds
            the memory.
        loss_weights: Weights of the 'det' and 'rec' losses, 1 by default.
        taps: Fields of :class:`~mmocr_kd.adapters.recognition.ReadingRecorder`: where it finds what
            :meth:`read_along` gives.
        data_preprocessor: Batches and pads the images; must not normalise. By default it pads as
            the detector's.
        init_cfg: As in MMEngine.

    Raises:
        ValueError, TypeError: If a field has an unknown value.

    Map: part_inputs.py normalises for a part, detector_losses.py trains the detector, words.py says
    which words there are, quad_crops.py cuts them out, word_reader.py reads them, and
    adapters/recognition/reading_recorder.py notes how. Others ask by spotter_protocol.py.
    """

    def __init__(self,
                 detector: dict[str, Any],
                 recognizer: dict[str, Any],
                 crop: Mapping[str, Any],
                 color_type: str = 'color',
                 texts: Mapping[str, Any] | None = None,
                 chunk_size: int = 64,
                 loss_weights: Mapping[str, float] | None = None,
                 taps: Mapping[str, Any] | None = None,
                 crop_from: str = 'lr',
                 data_preprocessor: dict[str, Any] | None = None,
                 init_cfg: Any = None) -> None:
        # Copies: MMOCR's decoders write into their configs.
        built: Any = MODELS.build(copy.deepcopy(detector))
        super().__init__(data_preprocessor or raw_preprocessor(built), init_cfg)
        _check_fields(Normalization.of(self), chunk_size, loss_weights or {}, crop_from)
        self.detector = built
        self.recognizer: Any = MODELS.build(copy.deepcopy(recognizer))
        self.chunk_size = chunk_size
        self.crop_from = crop_from
        self.loss_weights = {'det': 1.0, 'rec': 1.0, **(loss_weights or {})}
        self._det_inputs = PartInputs(self.detector)
        self._cut = QuadCut(PartInputs(self.recognizer, color_type), **crop)
        self._reader = WordReader(self.recognizer, self._cut, texts, taps)

    @property
    def rec_decoder(self) -> Any:
        """The recogniser's decoder."""
        return self.recognizer.decoder

    @property
    def cut(self) -> QuadCut:
        """How words are cut out for the recogniser."""
        return self._cut

    def cut_rule(self) -> dict[str, Any]:
        """How :meth:`predict` cuts words out, as plain values.

        Returns:
            ``crop_from``, and of ``crop`` ``size``, ``margin``, ``oversample`` and
            ``vertical_ratio``; see :class:`~mmocr_kd.reader.cutting.Cut`.
        """
        cut = self._cut
        return {'size': list(cut.size), 'margin': cut.margin, 'oversample': cut.oversample,
                'vertical_ratio': cut.vertical_ratio, 'crop_from': self.crop_from}

    def extract_feat(self, inputs: Tensor) -> Any:
        """The detector's features of raw images, shape (B, 3, H, W); see MMOCR."""
        return self.detector.extract_feat(self._det_inputs(inputs))

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Losses of both parts, named 'det.' and 'rec.' and what the part calls them.

        Args:
            inputs: Raw images, BGR on the 0..255 scale, shape (B, 3, H, W).
            data_samples: B samples with polygons, texts and ignored words; left untouched.
        """
        return self.losses_and_reading(inputs, data_samples, self.words_of(data_samples))[0]

    def losses_and_reading(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                           full: Full | None = None) -> tuple[dict[str, Tensor], Reading | None]:
        """As :meth:`loss`, of given words; see :meth:`.DistillableSpotter.losses_and_reading`."""
        losses = self.det_loss(inputs, data_samples)
        rec_losses, reading = self.rec_loss(inputs, data_samples, words, full)
        return losses | rec_losses, reading

    def normalized(self, inputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """Raw images as the detector sees them, shape (B, 3, H, W)."""
        return self._det_inputs.padded(inputs, valid_sizes(inputs, data_samples))

    def words_of(self, data_samples: Sequence[Any]) -> Words:
        """The annotated words the recogniser can learn from, jittered in training.

        Args:
            data_samples: B samples at full resolution.
        """
        words = self._reader.annotated(data_samples)
        return words.jittered(self._cut.jitter) if self.training else words

    def det_loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """The detector's losses; see :meth:`loss`."""
        images = self.normalized(inputs, data_samples)
        return name_losses('det', detector_losses(self.detector, images, data_samples),
                           self.loss_weights['det'])

    def rec_loss(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                 full: Full | None = None) -> tuple[dict[str, Tensor], Reading | None]:
        """The recogniser's losses, and how it read.

        Args:
            inputs: Raw images.
            data_samples: B samples; only their sizes count.
            words: Of these images; no words give a loss of zero that reaches all parameters, as
                DDP wants.
            full: The same images at full resolution, with their samples, if these are not.

        Returns:
            Losses, and the reading of the same pass; None without words.
        """
        if not len(words):
            return {'rec.loss_idle': idle_loss([self.recognizer], inputs)}, None
        losses, reading = self._reader.read_along(
            *self._to_read(inputs, data_samples, words, full), with_loss=True)
        return name_losses('rec', losses, self.loss_weights['rec']), reading

    def read_along(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                   full: Full | None = None) -> Reading | None:
        """How the recogniser reads annotated words, in training or eval mode.

        Always follows the labels: in eval mode only the decoder takes its training path, dropout
        and batch normalisation stay as they are.
        """
        if not len(words):
            return None
        return self._reader.read_along(*self._to_read(inputs, data_samples, words, full),
                                       with_loss=False)[1]

    def read_at_sizes(self, batches: Iterable[Batch],
                      full: Full | None = None) -> tuple[Tensor, Labels]:
        """As :meth:`read_along` of several batches; see :meth:`.ReadsAtSizes.read_at_sizes`."""
        if self.crop_from == 'full' and full is not None:
            first, *others = batches  # all are read in the same images
            logits, labels = self._reader.read_at_sizes([self._to_read(*first, full)],
                                                        self.chunk_size)
            return logits.expand(1 + len(others), -1, -1, -1), labels
        return self._reader.read_at_sizes((self._to_read(*batch) for batch in batches),
                                          self.chunk_size)

    def detect(self, inputs: Tensor, data_samples: Sequence[Any]) -> list[Detected]:
        """Find words, in pixels of ``inputs``; see :meth:`.DistillableSpotter.detect`."""
        images = self.normalized(inputs, data_samples)
        found = self.detector(images, in_input_frame(data_samples), mode='predict')
        return [(polygons_of(one), one.pred_instances.scores) for one in found]

    def predict(self, inputs: Tensor, data_samples: Sequence[Any],
                full: Full | None = None) -> list[Any]:
        """Find words and read them.

        Args:
            inputs: Raw images, shape (B, 3, H, W).
            data_samples: B samples with ``img_shape`` and ``scale_factor``.
            full: The same images at full resolution, with their samples, if these are not.

        Returns:
            B new samples with ``pred_instances``: ``polygons`` in pixels of the original image
            and their ``scores``, ``texts`` with ``char_scores`` and ``text_scores``, their mean.
        """
        found = self.detect(inputs, data_samples)
        words = self._reader.found([polygons for polygons, _ in found], data_samples)
        readings = iter(self._reader.read(*self._to_read(inputs, data_samples, words, full),
                                          self.chunk_size))
        return [spotting_sample(sample, polygons, scores, list(islice(readings, len(polygons))))
                for sample, (polygons, scores) in zip(data_samples, found)]

    def _to_read(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                 full: Full | None = None) -> tuple[Tensor, list[Size], Words]:
        """The images to cut words out of, their sizes, and the words in their pixels."""
        sizes = valid_sizes(inputs, data_samples)
        if self.crop_from == 'lr' or full is None:
            return inputs, sizes, words
        larger = valid_sizes(*full)
        factors = [(new[1] / old[1], new[0] / old[0]) for old, new in zip(sizes, larger)]
        return full[0], larger, words.scaled(torch.tensor(factors))

    def _forward(self, inputs: Tensor, data_samples: Sequence[Any] | None = None) -> Any:
        """The detector's raw output; with annotated samples a tuple of it and the logits."""
        detected = self.detector(self._det_inputs(inputs), data_samples, mode='tensor')
        if not data_samples or not all('gt_instances' in sample for sample in data_samples):
            return detected
        reading = self.read_along(inputs, data_samples, self.words_of(data_samples))
        return detected, None if reading is None else reading.logits[0]


def _check_fields(normalization: Normalization | None, chunk_size: int,
                  loss_weights: Mapping[str, float], crop_from: str) -> None:
    if crop_from not in CROP_FROM:
        raise ValueError(f'crop_from={crop_from!r} is unknown: use one of {CROP_FROM}')
    if normalization not in (None, RAW):
        raise ValueError(
            f"the spotter's data_preprocessor changes pixels ({normalization}): leave mean, std "
            'and channel order to those of the detector and the recogniser')
    if chunk_size < 1:
        raise ValueError(f'chunk_size={chunk_size} must be at least 1')
    if unknown := set(loss_weights) - {'det', 'rec'}:
        raise ValueError(f"loss_weights has {sorted(unknown)}: it takes 'det' and 'rec'")
