"""How many errors a spotter makes in an image at each scale, in words."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Sequence

import numpy as np
import torch
from mmocr.registry import MODELS
from numpy.typing import NDArray
from torch import Tensor

from ...adapters import ignored_flags
from ...adapters.image_sizes import Size, valid_sizes
from ...evaluation.found_instances import text_height
from ...evaluation.polygon_overlaps import covered_shares, intersection_areas, ious, to_geometries
from ...losses import word_log_probs
from ...losses.checks import require_not_negative, require_positive
from ...losses.steps import repeat_labels
from ...measure import HeightCurve, ScaleRatings
from .candidates import evaluating


class ErrorSource(Protocol):
    """Tells what was to be predicted.

    Attributes:
        needs_words: Whether the words that can be read are asked for.
    """

    needs_words: bool

    def __call__(self, model: Any, inputs: Tensor, data_samples: Sequence[Any],
                 words: Any | None) -> Tensor:
        """Count.

        Args:
            model: The DLD model that asks.
            inputs: The batch at full resolution, shape (B, 3, H, W).
            data_samples: Its B samples.
            words: The annotated words its spotter can read; None: it does not read.

        Returns:
            Errors in words, >= 0, shape (B, K), without gradient; NaN where nobody knows.
        """
        ...


@MODELS.register_module()
class PassErrors:
    """Expected errors of the student as it is now: it looks at every image at every scale.

    ``sum over words of 1 - P(found) * P(read) + false_alarm_weight * false alarms``. A word is
    found (1) or not (0): some detection has an IoU above .5 with it, as ICDAR matches. Read is the
    probability of the whole word along its label; words that the dictionary cannot spell, and all
    words of a student that does not read, count by detection alone. Ignored words count nothing; a
    detection that is mostly on one is no false alarm. The student is in eval mode for it, and its
    images are shrunk as in training.

    Args:
        false_alarm_weight: What a false alarm counts, beside a miss, >= 0.
        threshold: Least score of a detection, in [0, 1].

    Raises:
        ValueError: If a number is out of its range.
    """

    needs_words = True

    def __init__(self, false_alarm_weight: float = 0.5, threshold: float = 0.5) -> None:
        require_not_negative('false_alarm_weight', false_alarm_weight)
        if not 0 <= threshold <= 1:
            raise ValueError(f'threshold={threshold} must lie in [0, 1]: it is a score')
        self.false_alarm_weight = false_alarm_weight
        self.threshold = threshold

    @torch.no_grad()
    def __call__(self, model: Any, inputs: Tensor, data_samples: Sequence[Any],
                 words: Any | None) -> Tensor:
        """See :class:`ErrorSource`. A host waits for every detection: polygons are its work."""
        truths = truths_of(data_samples)
        found, alarms = self._detect(model, inputs, data_samples, truths)
        lost = 1 - found.to(inputs.device, non_blocking=True) * self._read(
            model, inputs, data_samples, words, truths)
        image_index = torch.tensor([b for b, truth in enumerate(truths) for _ in truth.words])
        errors = self.false_alarm_weight * alarms.to(inputs.device, non_blocking=True)
        return errors.index_add(0, image_index.to(inputs.device, torch.long, non_blocking=True),
                                lost.T)

    def _detect(self, model: Any, inputs: Tensor, data_samples: Sequence[Any],
                truths: Sequence[Truth]) -> tuple[Tensor, Tensor]:
        """Which of G words were found, shape (K, G), and how many false alarms, shape (B, K)."""
        bare = [type(sample)(metainfo=sample.metainfo) for sample in data_samples]
        found, alarms = [], []
        for scale in model.selector.scale_factors:
            small = model.shrink(inputs, bare, [scale] * len(inputs))
            with evaluating(model.student):
                detected = model.spotter.detect(small.inputs, small.data_samples)
            marked = [self._mark(truth, polygons, scores, factors) for
                      truth, (polygons, scores), factors in
                      zip(truths, detected, small.factors.numpy())]
            found.append(np.concatenate([flags for flags, _ in marked]))
            alarms.append([count for _, count in marked])
        return (torch.from_numpy(np.array(found, np.float32)),
                torch.tensor(alarms, dtype=torch.float32).T.contiguous())

    def _mark(self, truth: Truth, polygons: Sequence[NDArray], scores: Any,
              factors: NDArray) -> tuple[NDArray, int]:
        """Which words of an image were found, and how many detections were none."""
        scores = torch.as_tensor(scores).numpy(force=True)
        kept = [np.asarray(polygon, np.float32).reshape(-1, 2) / factors
                for polygon, score in zip(polygons, scores) if score >= self.threshold]
        return truth.found_by(to_geometries(kept, 'polygons', [False] * len(kept)))

    def _read(self, model: Any, inputs: Tensor, data_samples: Sequence[Any], words: Any | None,
              truths: Sequence[Truth]) -> Tensor:
        """Probability that each of G words is read, once it is found, shape (K, G)."""
        scales, total = len(model.selector.scale_factors), sum(len(one.words) for one in truths)
        read = torch.ones(scales, total, device=inputs.device)
        candidates = None if words is None else model.read_at_scales(inputs, data_samples, words)
        if candidates is None:
            return read
        logits = candidates.logits.flatten(0, 1)
        labels = repeat_labels(candidates.labels, scales)
        probabilities = word_log_probs(logits, labels).exp().view(scales, -1)
        columns = torch.tensor(_readable(words, truths), device='cpu')
        return read.index_copy(1, columns.to(read.device, non_blocking=True),
                               probabilities.to(read))


@MODELS.register_module()
class StoredErrors:
    """Errors that ``mmocr-kd rate-scales`` counted and stored: no image is looked at twice.

    They are the errors of the rated spotter in images as they were: train with
    ``train_student=False`` on data that the pipeline does not crop, turn or distort.

    Args:
        file: What ``rate-scales`` wrote, with all scales of the selector.
        false_alarm_weight: What a false alarm counts, beside a miss, >= 0.
        threshold: Score threshold, one of those rated; None: the best at full resolution.

    Raises:
        ValueError: When first asked, if scales are missing from the file; always, if it does not
            know an image: the selector would silently learn from the others alone.
    """

    needs_words = False

    def __init__(self, file: str, false_alarm_weight: float = 0.5,
                 threshold: float | None = None) -> None:
        require_not_negative('false_alarm_weight', false_alarm_weight)
        self.file = file
        self.false_alarm_weight = false_alarm_weight
        self.threshold = threshold
        self._known: tuple[dict[str, int], Tensor] | None = None

    def __call__(self, model: Any, inputs: Tensor, data_samples: Sequence[Any],
                 words: Any | None) -> Tensor:
        """See :class:`ErrorSource`."""
        index, errors = self._known = self._known or self._load(model.selector.scale_factors)
        rows = [self._row(index, sample.get('img_path')) for sample in data_samples]
        return errors[rows].to(inputs.device, non_blocking=True)

    def _load(self, scales: Sequence[float]) -> tuple[dict[str, int], Tensor]:
        ratings = ScaleRatings.load(self.file, self.threshold)
        near = np.isclose(np.asarray(scales)[:, None], ratings.scales, rtol=0, atol=1e-6)
        if not near.any(1).all():
            raise ValueError(f'{self.file} rates scales {ratings.scales.tolist()}, the selector '
                             f'has scale_factors={list(scales)}: rate those (mmocr-kd rate-scales '
                             '--scales ...), or give the selector rated ones')
        errors = ratings.errors(self.false_alarm_weight)[:, near.argmax(1)]
        return ratings.index, torch.from_numpy(errors).float()

    def _row(self, index: dict[str, int], path: str | None) -> int:
        if path not in index:
            raise ValueError(f'{self.file} has no rating of {path!r}, one of {len(index)} images '
                             'it knows is '
                             f'{next(iter(index), None)!r}: rate the training split (mmocr-kd '
                             'rate-scales --split train), with the same paths')
        return index[path]


@MODELS.register_module()
class HeightErrors:
    """Errors that are to be expected of the annotated texts, by how high each of them is.

    How likely text of a height is found, and read if the spotter reads, was counted once, on images
    that ``mmocr-kd rate-scales`` rated; see :class:`~mmocr_kd.measure.HeightCurve`. Images to learn
    from need annotations and no rating: any number of them, which the pipeline may crop, enlarge
    and turn, for what is expected follows the polygons. Nor does the selector learn the luck of
    single images (our choice). Rate images that the spotter has not learnt from: of those it has,
    it finds too much. Heights are the shorter sides of the smallest rectangles around polygons, so
    texts should be annotated as they were where the spotter was rated, all by word or all by line.
    An image longer than the model's ``max_long_edge`` is taken to be seen whole at each scale.

    Args:
        file: What ``rate-scales`` wrote, at any scales.
        false_alarm_weight: What a false alarm counts, beside a miss, >= 0.
        threshold: Score threshold, one of those rated; None: the best at full resolution.
        full_long_edge: Longer edge of every image at full resolution, in pixels, where the pipeline
            shrinks images to what the selector looks at, which is faster; None: it does not.

    Raises:
        ValueError: If a number is out of its range; when first asked, if the file has no texts, or
            does not tell how high they are; always, if a text has no place.
    """

    needs_words = False

    def __init__(self, file: str, false_alarm_weight: float = 0.5,
                 threshold: float | None = None, full_long_edge: int | None = None) -> None:
        require_not_negative('false_alarm_weight', false_alarm_weight)
        if full_long_edge is not None:
            require_positive('full_long_edge', full_long_edge)
        self.file = file
        self.false_alarm_weight = false_alarm_weight
        self.threshold = threshold
        self.full_long_edge = full_long_edge
        self._curve: HeightCurve | None = None

    def __call__(self, model: Any, inputs: Tensor, data_samples: Sequence[Any],
                 words: Any | None) -> Tensor:
        """See :class:`ErrorSource`."""
        self._curve = self._curve or HeightCurve.fit(ScaleRatings.load(self.file, self.threshold))
        sizes, flags = valid_sizes(inputs, data_samples), ignored_flags(data_samples)
        heights = [self._enlarged(size) * _heights(sample, ignored)
                   for size, sample, ignored in zip(sizes, data_samples, flags)]
        errors = self._curve.errors(heights, model.selector.scale_factors, self.false_alarm_weight)
        return torch.from_numpy(errors).float().to(inputs.device, non_blocking=True)

    def _enlarged(self, size: Size) -> float:
        """By how much full resolution is larger than what the pipeline gives."""
        return self.full_long_edge / max(size) if self.full_long_edge else 1.


@dataclass(frozen=True)
class Truth:
    """What is annotated in an image, in its pixels.

    Args:
        words: Geometries of the words that count, shape (G,).
        ignored: Of those that do not.
        texts: What the former say; empty strings if nobody says.
    """

    words: NDArray
    ignored: NDArray
    texts: Sequence[str]

    def found_by(self, detected: NDArray) -> tuple[NDArray, int]:
        """Match as ICDAR does: words in order take the first free detection that lies on them.

        Args:
            detected: Geometries of P detections.

        Returns:
            Which words were found, bool, shape (G,), and the number of false alarms.
        """
        overlapping = ious(self.words, detected, intersection_areas(self.words, detected)) > .5
        partners = np.full(len(self.words), -1)
        for word, detection in np.argwhere(overlapping):
            if partners[word] < 0 and detection not in partners:
                partners[word] = detection
        on_ignored = covered_shares(detected, intersection_areas(self.ignored, detected)) > .5
        idle = ~on_ignored.any(0)
        idle[partners[partners >= 0]] = False
        return partners >= 0, int(idle.sum())


def truths_of(data_samples: Sequence[Any]) -> list[Truth]:
    """What is annotated in a batch.

    Args:
        data_samples: B samples, whose ``gt_instances`` have polygons or, without them, upright
            boxes: arrays, tensors or MMDetection's.

    Raises:
        ValueError: If a word has neither, or its polygon is none.
    """
    truths = []
    for sample, ignored in zip(data_samples, ignored_flags(data_samples)):
        instances = sample.gt_instances
        shapes = to_geometries(_outlines(sample), 'polygons', [not flag for flag in ignored])
        flags = np.array(ignored, bool)
        texts = instances.get('texts') or [''] * len(ignored)
        counted = [text for text, skip in zip(texts, ignored) if not skip]
        truths.append(Truth(shapes[~flags], shapes[flags], counted))
    return truths


def _heights(sample: Any, ignored: Sequence[bool]) -> NDArray:
    """Of the texts that count, in pixels of the image, shape (G,)."""
    return np.array([text_height(outline, (1., 1.))
                     for outline, skip in zip(_outlines(sample), ignored) if not skip])


def _outlines(sample: Any) -> Sequence[Any]:
    instances = sample.gt_instances
    polygons, boxes = instances.get('polygons'), instances.get('bboxes')
    if not len(instances):
        return []
    if polygons is not None:
        return [_host(polygon) for polygon in polygons]
    if boxes is None:
        raise ValueError(f'{sample.get("img_path", "a sample")} has words without polygons and '
                         'boxes: errors are counted by where words are')
    return list(_host(getattr(boxes, 'tensor', boxes))[:, [0, 1, 2, 1, 2, 3, 0, 3]])


def _host(values: Any) -> NDArray:
    return values.numpy(force=True) if isinstance(values, Tensor) else np.asarray(values)


def _readable(words: Any, truths: Sequence[Truth]) -> list[int]:
    """Which of all counted words of a batch the N words are: in their order those of their texts.

    Whether a word can be read depends on its text, so in an image all of one text can or none.
    """
    wanted: list[set[str]] = [set() for _ in truths]
    for b, text in zip(words.image_index.tolist(), words.texts):
        wanted[b].add(text)
    flags = [text in wanted[b] for b, truth in enumerate(truths) for text in truth.texts]
    return np.flatnonzero(flags).tolist()
