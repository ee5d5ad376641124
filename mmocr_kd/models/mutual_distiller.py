"""Two students that learn from labels and from each other."""
from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import Any, Mapping, Sequence

from mmengine.model import BaseModel
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..adapters import build_teacher, build_term
from ..adapters.recognition import (
    ReadingComparison,
    prepare_targets,
    same_orders,
)
from ..distill import (
    Distiller,
    Normalization,
    Recorder,
    Renormalize,
    Schedule,
    SourceLike,
    Teacher,
    Term,
    build_weight,
)
from .recognizers.plain_student_keys import PlainStudentKeys

__all__ = ['MutualDistiller']


@MODELS.register_module()
class MutualDistiller(PlainStudentKeys, BaseModel):
    """Trains two students together: mutual learning, with a frozen teacher for both if wanted.

    Zhang et al., "Deep Mutual Learning" (CVPR 2018): ``loss_A = task_A + KL(p_B || p_A)`` and
    ``loss_B = task_B + KL(p_A || p_B)``, where the one that is learnt from counts as constant. With
    ``teacher`` it is PaddleOCR's collaborative mutual learning (CML). Both students see the same
    batch and are updated at once, by one optimizer (the paper's algorithm takes turns; most
    implementations do it so).

    The students may be any two detectors, or any two recognisers with the same dictionary, of
    whatever architectures, if what is compared has the same size. Normalisation may differ. A
    checkpoint has the first student's plain keys, and the second's below ``peer.``;
    ``tools/export_student.py`` writes either alone. Names of the second's losses begin with
    ``peer.``.

    Args:
        students: Configs of two detectors or two recognisers.
        terms: What they learn from each other; one dict per comparison. For detectors fields of
            :func:`~mmocr_kd.adapters.build_term` but for ``teacher`` and ``adaptor``; for
            recognisers ``loss``, a :class:`~mmocr_kd.losses.ReadingLoss` that wants a reading, and
            optionally ``loss_weight``, ``share``, ``every`` and ``schedule``.
        teacher: Config of a teacher of both; for recognisers a 'RecognizerTeacher'.
        teacher_terms: What they learn from it; by default ``terms``.
        schedule: When terms count that do not say, fields of
            :class:`~mmocr_kd.distill.Schedule`.
        predict_with: Who predicts, 0 or 1.
        init_cfg: As in MMEngine.

    Raises:
        ValueError, TypeError: If a field has an unknown value, or the students cannot be compared.

    Map: terms ``adapters/terms.py``, a step ``distill/distiller.py``, comparisons
    ``distill/comparison.py`` and ``adapters/recognition/reading_comparison.py``, keys
    ``recognizers/plain_student_keys.py``.
    """

    def __init__(self,
                 students: Sequence[dict[str, Any]],
                 terms: Sequence[dict[str, Any]],
                 teacher: dict[str, Any] | None = None,
                 teacher_terms: Sequence[dict[str, Any]] | None = None,
                 schedule: dict[str, Any] | None = None,
                 predict_with: int = 0,
                 init_cfg: Any = None) -> None:
        _require_fields(students, terms, teacher, teacher_terms, predict_with)
        super().__init__(students[0].get('data_preprocessor'), init_cfg)
        # Copies: MMOCR's decoders write into their configs.
        self.student: Any = MODELS.build(copy.deepcopy(students[0]))
        self.peer: Any = MODELS.build(copy.deepcopy(students[1]))
        self.predict_with = predict_with
        self._models = [self.student, self.peer]
        self._for_peer = Renormalize(*map(Normalization.of, self._models))
        self._reads = _both_read(self._models)
        # Plain objects, not modules: they must not enter the module tree.
        self._peers = [_Peer(model) for model in self._models]
        self._teacher = None if teacher is None else build_teacher(
            teacher, 'RecognizerTeacher' if self._reads else 'ModelTeacher')
        self._distillers = [
            Distiller(self._build_terms(place, terms, teacher_terms or terms, schedule), prefix)
            for place, prefix in enumerate(('', 'peer.'))]

    def init_weights(self) -> None:
        """Initialise, and get the teacher: MMEngine does so before the first training step.

        Raises:
            RecordingError, FileNotFoundError, CheckpointError, ValueError: If what is compared
                does not exist, or the teacher does not, or does not fit.
        """
        super().init_weights()
        self._attach()

    def forward(self, inputs: Tensor, data_samples: Sequence[Any] | None = None,
                mode: str = 'tensor') -> Any:
        """The losses of both, or what the one that predicts says.

        Args:
            inputs: Normalised for the first student, shape (N, C, H, W).
            data_samples: N samples.
            mode: 'loss', 'predict' or 'tensor', as in MMOCR.
        """
        if mode == 'loss':
            assert data_samples is not None
            return self.loss(inputs, data_samples)
        return self._models[self.predict_with](
            self._images(self.predict_with, inputs), data_samples, mode=mode)

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """What each learns from the labels, the other and the teacher.

        Args:
            inputs: See :meth:`forward`.
            data_samples: N samples with ground truth.

        Returns:
            Loss name -> scalar.

        Raises:
            TeacherOutputError: If the teacher gives NaN or Inf, or sizes differ.
        """
        self._attach()
        first, second = self._distillers
        with self._read_along(data_samples):
            try:
                due = [first.begin(inputs, data_samples)]
                due += [second.begin(inputs, data_samples, known=first.known)]
                for peer in self._peers:
                    peer.listen()
                losses: dict[str, Tensor] = {}
                own = [self._own_losses(place, inputs, data_samples) for place in range(2)]
                for distiller, mine, learns in zip(self._distillers, own, due):
                    losses |= distiller.end(mine) if learns else mine
                return losses
            finally:
                for distiller, peer in zip(self._distillers, self._peers):
                    distiller.forget()
                    peer.forget()

    @property
    def teachers(self) -> list[Teacher]:
        """Who may be judged, see :class:`~mmocr_kd.hooks.EvaluateTeacherHook`."""
        return [self._teacher] if self._teacher is not None else []

    def detach(self) -> None:
        """Take all hooks off the students; the next step listens, and binds the teacher, again."""
        for distiller in self._distillers:
            distiller.detach()

    def _build_terms(self, place: int, terms: Sequence[dict[str, Any]],
                     teacher_terms: Sequence[dict[str, Any]],
                     schedule: dict[str, Any] | None) -> dict[str, Term]:
        """What one student learns from the other, and from the teacher."""
        sources: list[tuple[str, Any, Teacher]] = [('mutual', terms, self._peers[1 - place])]
        if self._teacher is not None:
            sources.append(('teacher', teacher_terms, self._teacher))
        return {f'{kind}{number}': self._build_term(
            self._models[place], by, f'{kind}{number}', {'schedule': schedule, **term})
            for kind, configs, by in sources for number, term in enumerate(configs)}

    def _build_term(self, model: Any, by: Teacher, name: str, fields: dict[str, Any]) -> Term:
        if not self._reads:
            return build_term(name=name, teacher=by, **fields)
        loss = MODELS.build(fields.pop('loss'))
        if loss.wants != 'reading':
            raise ValueError(f"a {type(loss).__name__} wants {loss.wants!r} of a teacher: mutual "
                             "learning of recognisers is for losses that want a 'reading'")
        schedule = Schedule(**(fields.pop('schedule') or {}))
        return Term(loss, ReadingComparison(model, by), by, schedule, build_weight(**fields))

    def _attach(self) -> None:
        """Listen to both, and bind the teacher; once."""
        for distiller, model in zip(self._distillers, self._models):
            if not distiller.attached:
                distiller.attach(self, model)

    def _images(self, place: int, inputs: Tensor) -> Tensor:
        """The batch as one student normalises it."""
        return self._for_peer(inputs) if place else inputs

    def _read_along(self, data_samples: Sequence[Any]) -> Any:
        """Targets of words, and common orders of decoders that read in random ones."""
        if not self._reads:
            return nullcontext()
        prepare_targets(self.student.decoder, data_samples)
        teachers = [self._peers[1], *filter(None, [self._teacher])]
        return same_orders(self.student, teachers, data_samples)

    def _own_losses(self, place: int, inputs: Tensor,
                    data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Losses of one student's own task."""
        # Of copies: MMOCR's losses move polygons in place.
        losses = self._models[place].loss(self._images(place, inputs), copy.deepcopy(data_samples))
        return {self._distillers[place].prefix + key: loss for key, loss in losses.items()}


class _Peer(Teacher):
    """The other student, who tells what was recorded of it when it ran."""

    follows_labels = True
    late = True

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._recorder: Recorder | None = None

    @property
    def networks(self) -> tuple[Any, ...]:
        return (self._network, )

    def bind(self, student: nn.Module, wanted: Mapping[str, SourceLike]) -> None:
        if self._recorder is not None:
            self._recorder.remove()
        self._recorder = Recorder(self._network, wanted)

    def listen(self) -> None:
        """Record the next forward pass."""
        assert self._recorder is not None, 'bind() comes before listen()'
        self._recorder.start()

    def forget(self) -> None:
        """Keep nothing."""
        if self._recorder is not None:
            self._recorder.forget()

    def __call__(self, inputs: Tensor, data_samples: Sequence[Any] | None) -> dict[str, Any]:
        assert self._recorder is not None, 'bind() comes before a batch'
        return {name: value.detach() for name, value in self._recorder.stop().items()}

    def __deepcopy__(self, memo: dict[int, Any]) -> _Peer:
        """A student of its own: copies of both teach each other."""
        copied = memo[id(self)] = _Peer(copy.deepcopy(self._network, memo))
        copied._recorder = copy.deepcopy(self._recorder, memo)
        return copied


def _both_read(models: Sequence[Any]) -> bool:
    """Whether the students are recognisers; detectors if not."""
    reads = [hasattr(model, 'decoder') for model in models]
    finds = [hasattr(model, 'det_head') for model in models]
    if not (all(reads) or all(finds)):
        raise ValueError(f'students are a {type(models[0]).__name__} and a '
                         f'{type(models[1]).__name__}: mutual learning is for two detectors or '
                         'two recognisers')
    return all(reads)


def _require_fields(students: Sequence[Any], terms: Sequence[dict[str, Any]], teacher: Any,
                    teacher_terms: Sequence[dict[str, Any]] | None, predict_with: int) -> None:
    if len(students) != 2:
        raise ValueError(f'students has {len(students)} configs: mutual learning is of two')
    if predict_with not in (0, 1):
        raise ValueError(f'predict_with={predict_with!r} must be 0, the first student, or 1')
    if not terms:
        raise ValueError('terms is empty: the students would learn nothing from each other')
    if teacher is None and teacher_terms is not None:
        raise ValueError('teacher_terms without a teacher: nobody to learn them from')
    for term in (*terms, *(teacher_terms or ())):
        known = {'adaptor', 'teacher'} & set(term)
        if known:
            raise ValueError(f'a term has {sorted(known)}, which mutual learning cannot do: give '
                             'one teacher beside terms, and compare what has the same size')
