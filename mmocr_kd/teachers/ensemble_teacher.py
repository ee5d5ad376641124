"""Several teachers as one."""
from __future__ import annotations

import copy
import math
from typing import Any, Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..adapters import build_teachers, text_logits
from ..adapters.recognition import hypotheses, reading_logits
from ..distill import RecordingError, SourceLike, Teacher, TeacherOutputError

Readings = list[list[tuple[str, float]]]


@MODELS.register_module()
class EnsembleTeacher(Teacher):
    """Asks several teachers of any kind, and takes the weighted mean of their probabilities.

    The mean of probabilities, not of logits, is the ensemble of Hinton et al., "Distilling the
    Knowledge in a Neural Network" (2015); all of it is computed in log space. Maps of text are
    averaged pixel by pixel; logits of recognisers step by step, whose dictionaries have to agree;
    of hypotheses, probabilities of equal texts are added, and whoever does not read a text gives it
    0. Features are one network's own and have no mean: they are left out of readings, so that
    ``VisualFocusLoss`` and ``SemanticContrastiveLoss`` need a single teacher, and refused of
    detectors.

    Args:
        teachers: Their configs; ``type`` is ModelTeacher unless said otherwise, and
            RecognizerTeacher has to be said. Equal configs are one teacher.
        weights: One for each, > 0; by default all count the same. Only their ratios matter.

    Raises:
        ValueError: If there are no teachers, or not as many weights, or one is not positive.
        TypeError: If a config is no teacher's.

    Map: its teachers ``adapters/terms.py`` builds.
    """

    def __init__(self, teachers: Sequence[dict[str, Any]],
                 weights: Sequence[float] | None = None) -> None:
        weights = [1.0] * len(teachers) if weights is None else list(weights)
        if not teachers or len(weights) != len(teachers):
            raise ValueError(f'an ensemble has {len(teachers)} teachers and {len(weights)} '
                             'weights: give one for each, of at least one')
        if not all(math.isfinite(weight) and weight > 0 for weight in weights):
            raise ValueError(f'weights={weights} must be finite numbers > 0')
        self.teachers = build_teachers(teachers)
        self.log_weights = [math.log(weight / sum(weights)) for weight in weights]
        self.sees_images = any(teacher.sees_images for teacher in self.teachers)
        self.follows_labels = all(teacher.follows_labels for teacher in self.teachers)
        self._means: dict[str, Callable[[Sequence[Any], Sequence[float]], Any]] = {}

    @property
    def networks(self) -> tuple[nn.Module, ...]:
        """Those of all teachers."""
        return tuple(network for teacher in dict.fromkeys(self.teachers)
                     for network in teacher.networks)

    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike]) -> None:
        """Bind all teachers; see :meth:`Teacher.bind`."""
        self._means = {name: _MEANS[what] for name, what in wanted.items() if what in _MEANS}
        others = sorted(set(wanted) - set(self._means))
        if others and reading_logits not in wanted.values():
            raise RecordingError(
                f'an EnsembleTeacher has no mean of {others}: it knows maps of text, readings and '
                'hypotheses; features need one ModelTeacher')
        for teacher in dict.fromkeys(self.teachers):
            teacher.bind(student, {name: wanted[name] for name in self._means})

    def identity(self) -> dict[str, Any]:
        """See :meth:`Teacher.identity`: those of all teachers, and the weights."""
        return dict(type=type(self).__name__, log_weights=self.log_weights,
                    teachers=[teacher.identity() for teacher in self.teachers])

    @property
    def live(self) -> Teacher:
        """See :meth:`Teacher.live`: of those of all teachers."""
        asked = copy.copy(self)
        asked.teachers = [teacher.live for teacher in self.teachers]
        asked.sees_images = any(teacher.sees_images for teacher in asked.teachers)
        return asked

    def prepare_data(self, dataset: Any) -> bool:
        """See :meth:`Teacher.prepare_data`; of all teachers."""
        return any([teacher.prepare_data(dataset) for teacher in dict.fromkeys(self.teachers)])

    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> dict[str, Any]:
        """Look at a batch; see :meth:`Teacher.__call__`.

        Raises:
            TeacherOutputError: If what two teachers know has different sizes.
        """
        known = {teacher: teacher(inputs, data_samples)
                 for teacher in dict.fromkeys(self.teachers)}
        return {name: mean(_same_size(name, [known[teacher][name] for teacher in self.teachers]),
                           self.log_weights) for name, mean in self._means.items()}


def mean_of_pixels(logits: Sequence[Tensor], log_weights: Sequence[float]) -> Tensor:
    """Logits of the mean of probabilities of two classes.

    Args:
        logits: Of each teacher, of any one shape.
        log_weights: Logarithms of weights whose sum is 1.

    Returns:
        float32 or wider, of the same shape.
    """
    text, none = (_log_mean([F.logsigmoid(sign * _wide(each)) for each in logits], log_weights)
                  for sign in (1, -1))
    return text - none


def mean_of_classes(logits: Sequence[Tensor], log_weights: Sequence[float]) -> Tensor:
    """Logarithm of the mean of probabilities of the classes in the last dimension; as above."""
    return _log_mean([_wide(each).log_softmax(-1) for each in logits], log_weights)


def merge_hypotheses(readings: Sequence[Readings], log_weights: Sequence[float]) -> Readings:
    """Readings of several teachers as those of one.

    Args:
        readings: Of each teacher, N lists of ``(text, log-probability)``.
        log_weights: Logarithms of weights whose sum is 1.

    Returns:
        N lists, each text once, the most probable first.
    """
    merged = []
    for words in zip(*readings, strict=True):
        shares: dict[str, list[float]] = {}
        for word, log_weight in zip(words, log_weights):
            for text, log_prob in word:
                shares.setdefault(text, []).append(log_weight + log_prob)
        texts = {text: _log_sum(parts) for text, parts in shares.items()}
        merged.append(sorted(texts.items(), key=lambda pair: -pair[1]))
    return merged


_MEANS: dict[Any, Callable[[Sequence[Any], Sequence[float]], Any]] = {
    text_logits: mean_of_pixels, reading_logits: mean_of_classes, hypotheses: merge_hypotheses}


def _wide(logits: Tensor) -> Tensor:
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _log_mean(log_probs: Sequence[Tensor], log_weights: Sequence[float]) -> Tensor:
    return torch.stack([each + weight
                        for each, weight in zip(log_probs, log_weights)]).logsumexp(0)


def _log_sum(parts: Sequence[float]) -> float:
    high = max(parts)
    if high == -math.inf:
        return high
    return high + math.log(sum(math.exp(part - high) for part in parts))


def _same_size(name: str, known: list[Any]) -> list[Any]:
    sizes = [tuple(each.shape) if isinstance(each, Tensor) else len(each) for each in known]
    if len(set(sizes)) > 1:
        raise TeacherOutputError(f'the teachers of an ensemble have {name!r} in different sizes, '
                                 f'{sizes}: take teachers with the same output stride')
    return known
