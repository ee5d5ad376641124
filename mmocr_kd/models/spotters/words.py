"""The words of a batch: where they are, what they say, and which of them can be learnt."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np
import torch
from mmocr.models.textrecog.decoders import BaseDecoder
from numpy.typing import NDArray
from torch import Tensor

from ...adapters import ignored_flags
from .spotting_samples import scale_factor

# Points (x, y) of a word, shape (P, 2), and whether it is to be transposed when it is cut out.
Outline = tuple[NDArray[np.float32], bool]
UNKNOWN = ('drop', 'error')


@dataclass(frozen=True)
class Words:
    """N words of a batch of B images; outlined once, at full resolution, and then only scaled.

    So the student, its passes at candidate scales and the teacher speak of the same words in the
    same order, the same way up, however small some become.

    Args:
        points: What outlines them (x, y), in pixels of the batch's images, shape (N, P, 2): four
            corners, the points of polygons (those with fewer repeat their last one), or the control
            points of Bezier curves, whichever the spotter cuts along.
        image_index: Which image each is in, long, shape (N,), not decreasing; always on the CPU,
            where it says what to loop over.
        vertical: Which are transposed when they are cut out, bool, shape (N,); none of those whose
            points say which way up they are.
        texts: What they say; empty for words that were found, not annotated.
    """

    points: Tensor
    image_index: Tensor
    vertical: Tensor
    texts: tuple[str, ...] = ()

    @classmethod
    def outlined(cls, outlines: Sequence[Outline], image_index: Sequence[int],
                 texts: Sequence[str] = ()) -> Words:
        """Collect words.

        Args:
            outlines: Of N words.
            image_index: Likewise.
            texts: Likewise, or nothing.
        """
        longest = max((len(points) for points, _ in outlines), default=1)
        padded = [np.pad(points, ((0, longest - len(points)), (0, 0)), mode='edge')
                  for points, _ in outlines]
        return cls(torch.from_numpy(np.array(padded, np.float32).reshape(-1, longest, 2)),
                   torch.tensor(image_index, dtype=torch.long),
                   torch.tensor([vertical for _, vertical in outlines], dtype=torch.bool),
                   tuple(texts))

    def __len__(self) -> int:
        return len(self.points)

    @property
    def boxes(self) -> Tensor:
        """The upright boxes around the points (x1, y1, x2, y2), shape (N, 4)."""
        return torch.cat([self.points.amin(1), self.points.amax(1)], dim=1)

    def to(self, device: torch.device) -> Words:
        """The same on another device, but for ``image_index``."""
        points, vertical = (part.to(device, non_blocking=True)
                            for part in (self.points, self.vertical))
        return replace(self, points=points, vertical=vertical)

    def scaled(self, factors: Tensor) -> Words:
        """The same words in resized images; Bezier curves follow their control points.

        Args:
            factors: By how much each image's width and height grew, shape (B, 2), on the CPU.
        """
        factors = factors[self.image_index].to(self.points, non_blocking=True)
        return replace(self, points=self.points * factors[:, None])

    def chunks(self, size: int) -> Iterator[Words]:
        """The same words, at most ``size`` at a time; nothing if there are none."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield Words(self.points[part], self.image_index[part], self.vertical[part],
                        self.texts[part])

    def jittered(self, amount: float) -> Words:
        """Move each corner of quads by up to ``amount`` heights of its word in x and y, at random.

        Detected boxes do not fit as well as annotated ones (our choice; none if 0).

        Args:
            amount: >= 0; quads stay convex below 0.2.
        """
        if not amount or not len(self):
            return self
        sides = (self.points.roll(-1, dims=1) - self.points).norm(dim=-1)
        heights = torch.minimum(sides[:, 1], sides[:, 3])[:, None, None]
        shift = torch.rand_like(self.points) * 2 - 1
        return replace(self, points=self.points + shift * amount * heights)


def words_to_learn(data_samples: Sequence[Any], accepts: Callable[[str, Any], bool],
                   outline: Callable[[NDArray], Outline]) -> Words:
    """The annotated words a recogniser can learn from.

    Detection losses may rewrite annotations (MMOCR's DB moves polygons and ignores small words in
    place): take the words before.

    Args:
        data_samples: B samples at full resolution, whose ``gt_instances`` have polygons, texts and
            ignored; left as they are.
        accepts: Called with the text and the sample of each word that is not ignored.
        outline: Of a polygon.

    Raises:
        ValueError: If a sample has words but no texts or polygons, or a polygon outlines nothing.
    """
    found = [(_outlined(outline, polygon, sample), i, text)
             for i, sample, polygon, text in annotated_words(data_samples)
             if accepts(text, sample)]
    outlines, image_index, texts = zip(*found) if found else ((), (), ())
    return Words.outlined(outlines, image_index, texts)


def words_found(polygons: Iterable[Sequence[NDArray]], data_samples: Sequence[Any],
                outline: Callable[[NDArray], Outline]) -> Words:
    """The words a detector found.

    Which way up they are is decided on original pixels, as it would be at any scale.

    Args:
        polygons: Of each image its polygons, in pixels of the batch, shape (P, 2) each.
        data_samples: B samples with ``scale_factor``.
        outline: Of a polygon.
    """
    factors = np.array([scale_factor(sample) for sample in data_samples], np.float32)
    found = [(outline(points / factors[i]), i) for i, mine in enumerate(polygons)
             for points in mine]
    outlines, image_index = zip(*found) if found else ((), ())
    return Words.outlined(outlines, image_index).scaled(torch.from_numpy(factors))


def annotated_words(data_samples: Sequence[Any]) -> Iterator[tuple[int, Any, NDArray, str]]:
    """The words of a batch that are not ignored.

    Args:
        data_samples: B samples, whose ``gt_instances`` have polygons, texts and ignored.

    Yields:
        Of each word: number of its image, its sample, polygon and text.

    Raises:
        ValueError: If a sample has words but no texts or polygons.
    """
    for i, (sample, ignored) in enumerate(zip(data_samples, ignored_flags(data_samples))):
        _require_words(sample)
        instances = sample.gt_instances
        for j, ignore in enumerate(ignored):
            if not ignore:
                yield i, sample, instances.polygons[j], instances.texts[j]


def _outlined(outline: Callable[[NDArray], Outline], polygon: NDArray, sample: Any) -> Outline:
    try:
        return outline(polygon)
    except ValueError as error:
        raise ValueError(f'{sample.get("img_path", "a sample")}: {error}') from error


def _require_words(sample: Any) -> None:
    instances = sample.gt_instances
    if not len(instances):
        return
    for name, fields in (('texts', 'with_text=True'), ('polygons', 'with_polygon=True')):
        if name not in instances:
            raise ValueError(f'{sample.get("img_path", "a sample")} has words without {name}: a '
                             f'spotter needs LoadOCRAnnotations with {fields}')


class TrainableTexts:
    """Says of each text whether a recogniser can learn to read it.

    Args:
        decoder: The recogniser's; its dictionary and its loss's letter case count.
        unknown: What becomes of texts with characters outside the dictionary. 'drop' leaves them
            to the detector alone, 'error' stops.
        max_length: Longest text in characters; None for any. Attention decoders cut longer ones
            in MMOCR, and CTC gives an infinite loss if there are fewer frames than it takes
            (unless its ``zero_infinity`` is set).

    Raises:
        ValueError: If a field is out of range, or the decoder has no loss.
    """

    def __init__(self, decoder: BaseDecoder, unknown: str = 'drop',
                 max_length: int | None = None) -> None:
        if unknown not in UNKNOWN:
            raise ValueError(f'unknown={unknown!r} is unknown: use one of {UNKNOWN}')
        if max_length is not None and max_length < 1:
            raise ValueError(f'max_length={max_length} must be at least 1, or None')
        if decoder.module_loss is None:
            raise ValueError("the recogniser's decoder has no module_loss, which encodes its "
                             'texts: add one')
        self.unknown = unknown
        self.max_length = max_length
        self._case = getattr(decoder.module_loss, 'letter_case', 'unchanged')
        self._dictionary = decoder.dictionary

    def __call__(self, text: str, sample: Any) -> bool:
        """Whether to train on a text.

        Args:
            text: Of a word that is not ignored.
            sample: Where it stands, for the message.

        Raises:
            ValueError: If it has characters outside the dictionary and ``unknown='error'``.
        """
        if not text or len(text) > (self.max_length or len(text)):
            return False
        strange = self._strange(text)
        if strange and self.unknown == 'error':
            raise ValueError(
                f'{sample.get("img_path", "a sample")}: the text {text!r} has {strange}, which '
                "the recogniser's dictionary lacks: take another dictionary, or set "
                "texts=dict(unknown='drop')")
        return not strange

    def _strange(self, text: str) -> list[str]:
        dictionary = self._dictionary
        if dictionary.with_unknown:
            return []
        if self._case in ('lower', 'upper'):
            text = getattr(text, self._case)()
        return sorted({char for char in text if char not in dictionary.dict})
