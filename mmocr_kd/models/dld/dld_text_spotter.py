"""DLD: a spotter that chooses the resolution it works at."""
from __future__ import annotations

import copy
from functools import partial
from typing import Any, Mapping, Sequence

import torch
from mmocr.registry import MODELS
from torch import Tensor

from ...adapters import build_teacher
from ...adapters.recognition import require_comparable
from ...distill import (
    Distiller,
    FiniteCheck,
    Teacher,
    inherit_weights,
    keeps_own_start,
    merge_losses,
)
from ...losses import Reading
from ..spotters import DistillableSpotter, Words, distillable
from ..spotters.spotting_samples import scale_factor, spotting_sample
from .candidates import evaluating
from .distillation import DetectorTerms, Known, ReadingTerms, crop_of
from .scale_choice import ScaleChoice
from .scale_choosing_model import ScaleChoosingModel
from .sharp_words import word_quads
from .spotter_teacher import SpotterTeacher


@MODELS.register_module()
class DLDTextSpotter(ScaleChoosingModel):
    """Dynamic low-resolution distillation (DLD, Chen et al., ECCV 2022).

    A selector looks at each image and says what each scale would cost it; the student spots text in
    the image shrunk to the scale that is chosen by that. In training a frozen teacher reads the
    same words at full resolution, and three things are learnt at once: the student's own task at
    drawn scales, reading as the teacher does (SKD), and what scales cost (DRS). The student's
    losses never reach the selector, nor the selector's the student.

    Checkpoints have the student's plain keys, and the selector's below ``selector.``; the teacher
    is not in them and not needed for prediction.

    Args:
        student: Config of a spotter: one of ours, or a two-stage one such as ABCNet, see
            :func:`~mmocr_kd.models.spotters.distillable`.
        selector: Config of a :class:`~mmocr_kd.models.selectors.ResolutionSelector`; None for
            the scales below ("SKD-only", or a student of one fixed scale).
        teacher: ``config`` and ``checkpoint`` of the teacher, as for
            :class:`~mmocr_kd.distill.ModelTeacher`. Built when training needs it.
        losses: What the student's recogniser learns of teachers: 'roi', 'context' and 'sequence'
            (SKD), and by any other name any :class:`~mmocr_kd.losses.ReadingLoss`, of ``teacher``
            or one of its own; see :class:`.ReadingTerms`.
        terms: What the student's detector learns of teachers: one dict per comparison, with the
            fields of :class:`~mmocr_kd.models.detectors.DBNetDistiller`'s. Teachers see the images
            at full resolution (see :class:`.DetectorTerms`); in terms without one, the detector of
            ``teacher`` teaches. Adaptors are saved below ``adaptors.``.
        schedule: Of terms that have none, fields of :class:`~mmocr_kd.distill.Schedule`.
        objective: Config of what trains the selector: an :class:`.ErrorObjective` or the published
            :class:`.GumbelObjective`; not needed for prediction.
        scale_factors: Candidate scales without a selector; see :class:`.ScaleChooser`.
        test_scale: Predict every image at this scale, whatever the selector says.
        price: Errors that a pass at full resolution is worth; see :class:`.ScaleChooser`.
        budget: In place of a price: mean cost of a pass, 0.5 or '50 ms'; likewise.
        regions: Fields of :class:`.Regions`: after a pass over a shrunk image its regions of low
            text are looked at again at full resolution. None: nothing is.
        train_student: False leaves the student as it is and trains the selector alone: to put one
            before a spotter that reads at all scales already, or to let it learn first (our
            addition; several times as fast).
        init_student_from_teacher: Start from the teacher's weights, as DLD does, when training
            starts, before ``load_from`` and resuming. A student whose own ``init_cfg`` is of type
            Pretrained starts from that.
        pad_divisor: Of the shrunk batches.
        max_long_edge: Limits of the longer edge after shrinking in 'train' and 'test', pixels;
            1600 and 3000 in the official code, None for none.
        antialias: Smooth before shrinking; the official code does not.
        candidate_dtype: 'bfloat16' or 'float16': read at all scales under autocast, which rates
            scales and carries no gradient (our addition; faster where hardware computes in this
            type). None: as the rest of the training does.
        data_preprocessor: By default the student's.
        init_cfg: As in MMEngine.

    Raises:
        ValueError, TypeError: If fields contradict each other or have unknown values.

    Map: scale_choosing_model.py has what :class:`.DLDTextDetector` has, too; scale_choice.py
    chooses, shrinking.py shrinks, objective.py trains the selector, distillation.py the student;
    spotter_teacher.py reads at full resolution, spotted_readings.py is what losses compare.
    """

    spotter: DistillableSpotter

    def __init__(self,
                 student: dict[str, Any],
                 selector: dict[str, Any] | None = None,
                 teacher: dict[str, Any] | None = None,
                 losses: Mapping[str, dict[str, Any] | None] | None = None,
                 terms: Sequence[dict[str, Any]] = (),
                 schedule: dict[str, Any] | None = None,
                 objective: Mapping[str, Any] | None = None,
                 scale_factors: Sequence[float] | None = None,
                 test_scale: float | None = None,
                 price: float | None = None,
                 budget: float | str | None = None,
                 regions: Mapping[str, Any] | None = None,
                 train_student: bool = True,
                 init_student_from_teacher: bool = True,
                 pad_divisor: int = 32,
                 max_long_edge: Mapping[str, int | None] | None = None,
                 antialias: bool = False,
                 candidate_dtype: str | None = None,
                 data_preprocessor: dict[str, Any] | None = None,
                 init_cfg: Any = None) -> None:
        # A copy: MMOCR's decoders write into their configs.
        built: Any = MODELS.build(copy.deepcopy(student))
        super().__init__(built, distillable(built), selector, objective, scale_factors, test_scale,
                         price, budget, regions, train_student, pad_divisor, max_long_edge,
                         antialias, candidate_dtype, data_preprocessor, init_cfg)
        self.init_student_from_teacher = init_student_from_teacher
        self._teacher = None if teacher is None else _spotter_teacher(teacher)
        self._bound = False
        self.losses = ReadingTerms(losses or {}, self._teacher, self.spotter.rec_decoder,
                                   crop_of(built))
        self._terms = DetectorTerms(terms, self._teacher, schedule, 'det.') if terms else None
        if self._terms is not None:
            self.adaptors = self._terms.adaptors
        self._check()

    def init_weights(self) -> None:
        """Initialise the student, from its teacher if so configured, and get the teacher.

        Raises:
            ValueError: If their dictionaries differ, or one reads frames, the other characters.
            InheritanceError: If their architectures differ.
            FileNotFoundError, CheckpointError: If there is no teacher, or it does not fit;
                MMEngine calls this before the first training step.
        """
        super().init_weights()
        self._attach()
        if self._teacher is None:
            return
        inherits = self.init_student_from_teacher and not keeps_own_start(self, self.student)
        if inherits or self._objective_asks:
            self._bound_teacher()
        if inherits:
            inherit_weights(self.student, self._teacher.build().state_dict())

    def extract_feat(self, inputs: Tensor) -> Any:
        """The student's features, at the scale of the inputs; see MMOCR."""
        return self.student.extract_feat(inputs)

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Train at the drawn scales.

        Args:
            inputs: The batch at full resolution, shape (B, 3, H, W).
            data_samples: B samples with polygons, texts and ignored words; left untouched.

        Returns:
            The student's losses at these scales, those of ``losses`` and of the objective, and what
            else a log should show: ``res_scale_mean``, the mean scale that was drawn, and what the
            objective tells. A batch without any word has no losses of reading.

        Raises:
            ValueError: If nothing trains the selector.
            TeacherOutputError: If the teacher gave NaN or Inf.
        """
        finite = FiniteCheck()
        words = self._words_of(data_samples)
        choice = self._draw(inputs, data_samples)
        self._attach()
        known = {} if words is None else self.losses.ask(inputs, data_samples, words)
        theirs = self._read_as_teacher(inputs, data_samples, words, known, finite)
        results = self._rate(choice, inputs, data_samples, words, theirs)
        if words is not None and self.train_student:
            results = merge_losses(results, self._train_student(
                inputs, data_samples, words, choice, known))
        finite.settle()
        return results

    def predict(self, inputs: Tensor, data_samples: Sequence[Any]) -> list[Any]:
        """Choose a scale for each image, and spot text at it.

        Args:
            inputs: The batch at full resolution, shape (B, 3, H, W).
            data_samples: B samples with ``img_shape`` and ``scale_factor``.

        Returns:
            The student's predictions, in coordinates of the original images, with the metainfo
            ``dld_scale``, ``dld_cost``, ``dld_scale_index`` and ``dld_errors`` (see
            :meth:`.ScaleChoice.note`). They do not depend on an image's neighbours in the batch.
        """
        return self._predict(self.spotter.predict, inputs, data_samples, with_full=True)

    @property
    def teachers(self) -> list[Teacher]:
        """Who may be judged, see :class:`~mmocr_kd.hooks.EvaluateTeacherHook`."""
        own = [] if self._teacher is None else [self._teacher]
        of_terms = [] if self._terms is None else self._terms.teachers
        return list(dict.fromkeys([*own, *of_terms, *self.losses.distiller.teachers]))

    def prepare_data(self, dataset: Any) -> bool:
        """For teachers that do so, see :class:`~mmocr_kd.hooks.TeacherDataHook`."""
        return any([distiller.prepare_data(dataset) for distiller in self.distillers])

    def predict_by(self, teacher: Any, inputs: Tensor,
                   data_samples: Sequence[Any]) -> Sequence[Any]:
        """Let a teacher do at full resolution what it teaches, in the student's place.

        Args:
            teacher: One of ``teachers``.
            inputs: See :meth:`predict`.
            data_samples: Likewise; annotated, in pixels of the original images, if the teacher
                reads words.

        Returns:
            Its predictions. A spotter finds and reads; a detector reads nothing, so that only
            scores of detection mean something; a recogniser is told where the words are.
        """
        self.detach()
        if isinstance(teacher, SpotterTeacher):
            teacher.bind(self)
            return teacher.spotter.predict(teacher.prepare(inputs), data_samples)
        if self._terms is not None and teacher in self._terms.teachers:
            images = self._normalized(inputs, data_samples)
            found = self._terms.find_by(teacher, self.student, images, data_samples)
            return [spotting_sample(sample, polygons, scores, [('', [])] * len(polygons))
                    for sample, (polygons, scores) in zip(data_samples, found)]
        return self._read_annotated(teacher, inputs, data_samples)

    def _read_annotated(self, teacher: Teacher, inputs: Tensor,
                        data_samples: Sequence[Any]) -> list[Any]:
        with evaluating(self.student):
            words = self.spotter.words_of(data_samples)
        words = words.scaled(torch.tensor([scale_factor(sample) for sample in data_samples]))
        readings = self.losses.read_by(teacher, self, inputs, data_samples, words)
        results = []
        for i, sample in enumerate(data_samples):
            mine = (words.image_index == i).nonzero().flatten().tolist()
            quads = word_quads(words)[mine].numpy()
            results.append(spotting_sample(sample, list(quads), torch.ones(len(mine)),
                                           [readings[j] for j in mine]))
        return results

    def detach(self) -> None:
        """Let go of the teachers; the next training step binds them again."""
        self._bound = False
        for distiller in self.distillers:
            distiller.detach()

    @property
    def distillers(self) -> list[Distiller]:
        """What compares the student with teachers: readings, and maps if there are such terms."""
        return [self.losses.distiller, *([] if self._terms is None else [self._terms.distiller])]

    def _attach(self) -> None:
        self.losses.attach(self)
        if self._terms is not None:
            self._terms.attach(self.student)

    def _train_student(self, inputs: Tensor, data_samples: Sequence[Any], words: Words,
                       choice: ScaleChoice, known: Known) -> dict[str, Tensor]:
        """The student's own losses at the chosen scales, and what it learns of teachers."""
        small = self.shrink(inputs, data_samples, choice.scales)
        read = partial(self.spotter.losses_and_reading, small.inputs, small.data_samples,
                       words.scaled(small.factors), (inputs, data_samples))
        run = partial(self.losses.around, read, words, known)
        if self._terms is None:
            return run()
        return self._terms.around(run, self._normalized(inputs, data_samples), data_samples, small)

    def _words_of(self, data_samples: Sequence[Any]) -> Words | None:
        """The words to read, if anybody is asked to."""
        if self.train_student or self.objective is None or self.objective.needs_words:
            return self.spotter.words_of(data_samples)
        return None

    @property
    def _objective_asks(self) -> bool:
        return self.objective is not None and self.objective.needs_teacher

    def _read_as_teacher(self, inputs: Tensor, data_samples: Sequence[Any],
                         words: Words | None, known: Known, finite: FiniteCheck) -> Reading | None:
        """For the objective; who read for the student does not read again."""
        if not self._objective_asks or words is None or not len(words):
            return None
        teacher = self._bound_teacher()
        if teacher in known:
            return known[teacher]['reading']
        reading = teacher.read(inputs, data_samples, words)
        if reading is not None:
            finite.watch_all(reading.features, data_samples)
        return reading

    def _bound_teacher(self) -> SpotterTeacher:
        """The teacher, bound at its first use, when it is sure to be there."""
        assert self._teacher is not None  # the constructor saw to that
        if not self._bound:
            require_comparable(self.spotter.rec_decoder, self._teacher.spotter.rec_decoder)
            if self._teacher not in self.losses.distiller.teachers:
                self._teacher.bind(self)
            self._bound = True
        return self._teacher

    def _forward(self, inputs: Tensor, data_samples: Sequence[Any] | None = None) -> Any:
        """The student's raw output at the decided scales."""
        images = self._normalized(inputs, data_samples)  # type: ignore[arg-type]
        choice = self._chooser.decide(images, data_samples)
        small = self._shrinkers['test'](inputs, data_samples, choice.scales)
        return self.student(small.inputs, small.data_samples, mode='tensor')

    def _check(self) -> None:
        if self._objective_asks and self._teacher is None:
            raise ValueError('the losses of the objective compare with a teacher, and there is '
                             'none: give teacher=dict(config=..., checkpoint=...), or compare with '
                             "labels, accuracy=dict(mode='ce')")
        if self.train_student:
            return
        if self._terms is not None:
            raise ValueError('terms teach the student, and train_student=False: drop them')
        if self.losses:
            raise ValueError(f'losses has {sorted(self.losses)}, which train a student, and '
                             'train_student=False: drop them (None in a config that inherits them)')


def _spotter_teacher(teacher: dict[str, Any]) -> SpotterTeacher:
    built = build_teacher(teacher, 'SpotterTeacher')
    if not isinstance(built, SpotterTeacher):
        raise TypeError(f'teacher={teacher!r} builds a {type(built).__name__}, which is no '
                        'SpotterTeacher')
    return built
