"""A recogniser that reads words where they stand: cut out of images or of feature maps."""
from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Iterable, Iterator, Mapping, Protocol, Sequence

import torch
from mmengine.structures import LabelData
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ...adapters.image_sizes import Size
from ...adapters.recognition import ReadingRecorder
from ...distill.memory_format import fast_layout
from ...losses import Labels, Reading
from .spotting_samples import read_text
from .words import Outline, TrainableTexts, Words, words_found, words_to_learn


class Cut(Protocol):
    """A way to cut words out of something: images, a feature map, several of them.

    Attributes:
        of_features: Whether what it gives are the visual features of words, not images of them.
    """

    of_features: bool

    def outline(self, polygon: Any, annotated: bool) -> Outline:
        """What it cuts a word along.

        Args:
            polygon: Its points, flat or of shape (P, 2), at full resolution.
            annotated: Whether someone drew it; else a detector found it.

        Raises:
            ValueError: If it outlines nothing.
        """
        ...

    def prepare(self, source: Any) -> Any:
        """What is to be done once for all words of a batch."""
        ...

    def __call__(self, source: Any, sizes: Sequence[Size], words: Words) -> Tensor:
        """Cut words out.

        Args:
            source: What :meth:`prepare` gave.
            sizes: Height and width of each image without padding, in pixels.
            words: N words of these images, on the CPU.

        Returns:
            What the recogniser takes, shape (N, C, h, w).
        """
        ...


Batch = tuple[Any, Sequence[Size], Words]  # what is cut, sizes of the images, their words


class WordReader:
    """Cuts words out and has a recogniser read them.

    A plain object: the recogniser stays where its owner keeps it in the module tree, or outside.

    Args:
        recognizer: A built recogniser of what ``cut`` gives.
        cut: How words are cut out.
        texts: Fields of :class:`.TrainableTexts`.
        taps: Fields of :class:`~mmocr_kd.adapters.recognition.ReadingRecorder`.

    Raises:
        ValueError, TypeError: If a field has an unknown value.
    """

    def __init__(self, recognizer: Any, cut: Cut, texts: Mapping[str, Any] | None = None,
                 taps: Mapping[str, Any] | None = None) -> None:
        self.recognizer = recognizer
        self.cut = cut
        self.texts = TrainableTexts(recognizer.decoder, **(texts or {}))
        self._record = ReadingRecorder(recognizer, **(taps or {}))

    def annotated(self, data_samples: Sequence[Any]) -> Words:
        """The annotated words whose texts the recogniser can learn.

        Args:
            data_samples: B samples at full resolution.
        """
        return words_to_learn(data_samples, self.texts, partial(self.cut.outline, annotated=True))

    def found(self, polygons: Iterable[Sequence[Any]], data_samples: Sequence[Any]) -> Words:
        """The words a detector found; see :func:`.words_found`."""
        return words_found(polygons, data_samples, partial(self.cut.outline, annotated=False))

    def read(self, source: Any, sizes: Sequence[Size], words: Words,
             chunk_size: int) -> list[tuple[str, list[float]]]:
        """Read freely.

        Args:
            source: What words are cut out of.
            sizes: Height and width of each image without padding, in pixels.
            words: N words of these images.
            chunk_size: How many to read at a time.

        Returns:
            Text and scores of the characters of each word.
        """
        if not len(words):
            return []
        readings: list[tuple[str, list[float]]] = []
        source = self.cut.prepare(source)
        for chunk in words.chunks(chunk_size):
            crops = self.cut(source, sizes, chunk)
            readings += map(read_text, self.recognizer.predict(crops, _samples(crops, chunk)))
        return readings

    def read_along(self, source: Any, sizes: Sequence[Size], words: Words,
                   with_loss: bool) -> tuple[dict[str, Any], Reading]:
        """Read annotated words along their labels, in training and in eval mode alike.

        Args:
            source: See :meth:`read`.
            sizes: See :meth:`read`.
            words: N words of these images, N > 0.
            with_loss: Whether to compute the recogniser's losses too.

        Returns:
            Its losses, none without ``with_loss``, and the reading.
        """
        crops, samples = self._cut(source, sizes, words)
        losses, reading = self._record(crops, samples, with_loss)
        image_index = words.image_index.to(crops.device, non_blocking=True)
        roi = crops if self.cut.of_features else reading.roi
        return losses, replace(reading, roi=roi, image_index=image_index)

    def read_at_sizes(self, batches: Iterable[Batch], chunk_size: int) -> tuple[Tensor, Labels]:
        """Read the same words in several batches along their labels.

        As many whole sets of words go through the recogniser at a time as have ``chunk_size`` words
        or less, but at least one; more are no faster once a processor is busy, and take more
        memory.

        Args:
            batches: K times what :meth:`read` takes, K > 0, with the same N words, N > 0.
            chunk_size: See above.

        Returns:
            Logits of shape (K, N, T, V), and the labels of the N words.
        """
        logits = []
        for crops, samples in _sets((self._cut(*batch) for batch in batches), chunk_size):
            images = fast_layout(torch.cat(crops), self.recognizer)
            reading = self._record(images, list(samples) * len(crops))[1]
            logits.append(reading.logits[0].unflatten(0, (len(crops), len(samples))))
        assert reading.labels is not None  # the recorder gives them
        return torch.cat(logits), _first(reading.labels, len(samples))

    def _cut(self, source: Any, sizes: Sequence[Size],
             words: Words) -> tuple[Tensor, list[TextRecogDataSample]]:
        crops = self.cut(self.cut.prepare(source), sizes, words)
        return crops, _samples(crops, words)


def _samples(crops: Tensor, words: Words) -> list[TextRecogDataSample]:
    """A recogniser's data sample for each word, with its text if it is known."""
    size = tuple(crops.shape[-2:])
    metainfo: dict[str, Any] = dict(
        img_shape=size, ori_shape=size, batch_input_shape=size, valid_ratio=1.0)
    samples = [TextRecogDataSample(metainfo=metainfo) for _ in range(len(words))]
    for sample, text in zip(samples, words.texts):
        sample.gt_text = LabelData(item=text)
    return samples


def _sets(cuts: Iterable[tuple[Tensor, Sequence[Any]]],
          chunk_size: int) -> Iterator[tuple[list[Tensor], Sequence[Any]]]:
    crops: list[Tensor] = []
    for words, samples in cuts:
        crops.append(words)
        if (len(crops) + 1) * len(samples) > chunk_size:
            yield crops, samples
            crops = []
    if crops:
        yield crops, samples


def _first(labels: Labels, count: int) -> Labels:
    frames, aligned = (None if rows is None else rows[:count]
                       for rows in (labels.frames, labels.aligned))
    return replace(labels, indexes=labels.indexes[:count], lengths=labels.lengths[:count],
                   frames=frames, aligned=aligned)
