"""A text detector that chooses the resolution it works at."""
from __future__ import annotations

import copy
from functools import partial
from typing import Any, Mapping, Sequence

from mmocr.registry import MODELS
from torch import Tensor

from ...distill import Distiller, Teacher
from ...losses import Reading
from ..spotters.detector_losses import detector_losses
from ..spotters.spotting_samples import scale_factor
from .detector_with_reader import DetectorWithReader
from .distillation import DetectorTerms
from .frozen_reader import FrozenReader
from .scale_choice import ScaleChoice
from .scale_choosing_model import ScaleChoosingModel


@MODELS.register_module()
class DLDTextDetector(ScaleChoosingModel):
    """DLD's resolution selector in front of any text detector of MMOCR (our extension).

    DLD (Chen et al., ECCV 2022) chooses resolutions for end-to-end spotters. This is the part of
    it that a pipeline of a detector and a separate recogniser can use: the selector looks at the
    image, the detector sees it shrunk, polygons come back in coordinates of the original image,
    and the recogniser reads crops of the original, as ever. It saves compute of detection only.
    To MMOCR it is a detector like others: ``TextDetInferencer`` and ``MMOCRInferencer`` take it.

    Checkpoints have the detector's plain keys, and the selector's below ``selector.``.

    Args:
        detector: Config of the detector, ``MMDetWrapper`` included. With an ``init_cfg`` of type
            Pretrained, or ``load_from`` its own checkpoint, it starts trained; a selector learns
            nothing in front of a detector that has learnt nothing.
        selector: Config of a :class:`~mmocr_kd.models.selectors.ResolutionSelector`. It sees
            images as the detector's ``data_preprocessor`` normalises them.
        objective: Config of what trains the selector: an :class:`.ErrorObjective` counts what is
            found and, with a recogniser, read; a :class:`.GumbelObjective` needs one.
        recognizer: Fields of :class:`.FrozenReader`: reads annotated words in the shrunk images, to
            say how legible they are. Built when training needs it.
        terms: What the detector learns of teachers that see the images at full resolution: one
            dict per comparison, with the fields of
            :class:`~mmocr_kd.models.detectors.DBNetDistiller`'s; see :class:`.DetectorTerms`.
            Adaptors are saved below ``adaptors.``.
        teacher: Of terms that have none.
        schedule: Likewise.
        scale_factors: Candidate scales without a selector: one is fixed, of several each image of
            a training batch gets one at random; see :class:`.ScaleChooser`.
        test_scale: Predict every image at this scale, whatever the selector says.
        price: Errors that a pass at full resolution is worth; see :class:`.ScaleChooser`.
        budget: In place of a price: mean cost of a pass, 0.5 or '50 ms'; likewise.
        regions: Fields of :class:`.Regions`: after a pass over a shrunk image its regions of low
            text are looked at again at full resolution. None: nothing is.
        train_student: False leaves the detector as it is and trains the selector alone.
        pad_divisor: Of the shrunk batches.
        max_long_edge: Limits of the longer edge after shrinking in 'train' and 'test', pixels;
            1600 and 3000 in DLD's official code, None for none.
        antialias: Smooth before shrinking; the official code does not.
        data_preprocessor: By default the detector's.
        init_cfg: As in MMEngine.

    Raises:
        ValueError, TypeError: If fields contradict each other or have unknown values.

    Map: scale_choosing_model.py has what :class:`.DLDTextSpotter` has, too; scale_choice.py
    chooses, shrinking.py shrinks, objective.py and error_sources.py train the selector,
    detector_with_reader.py is what they see of the detector.
    """

    spotter: DetectorWithReader

    def __init__(self,
                 detector: dict[str, Any],
                 selector: dict[str, Any] | None = None,
                 objective: Mapping[str, Any] | None = None,
                 recognizer: dict[str, Any] | None = None,
                 terms: Sequence[dict[str, Any]] = (),
                 teacher: dict[str, Any] | None = None,
                 schedule: dict[str, Any] | None = None,
                 scale_factors: Sequence[float] | None = None,
                 test_scale: float | None = None,
                 price: float | None = None,
                 budget: float | str | None = None,
                 regions: Mapping[str, Any] | None = None,
                 train_student: bool = True,
                 pad_divisor: int = 32,
                 max_long_edge: Mapping[str, int | None] | None = None,
                 antialias: bool = False,
                 data_preprocessor: dict[str, Any] | None = None,
                 init_cfg: Any = None) -> None:
        # A copy: MMOCR's wrapper of MMDetection takes its config apart.
        built: Any = MODELS.build(copy.deepcopy(detector))
        reader = None if recognizer is None else FrozenReader(**recognizer)
        super().__init__(built, DetectorWithReader(built, reader), selector, objective,
                         scale_factors, test_scale, price, budget, regions, train_student,
                         pad_divisor, max_long_edge, antialias, None, data_preprocessor, init_cfg)
        self._terms = DetectorTerms(terms, teacher, schedule) if terms else None
        if self._terms is not None:
            self.adaptors = self._terms.adaptors
        if terms and not train_student:
            raise ValueError('terms teach the student, and train_student=False: drop them')

    def init_weights(self) -> None:
        """Initialise, and get the recogniser if training needs it.

        Raises:
            FileNotFoundError, CheckpointError: If there is no such recogniser, or it does not fit;
                MMEngine calls this before the first training step.
        """
        super().init_weights()
        if self._terms is not None:
            self._terms.attach(self.student)
        if self._asks_reader:
            self.spotter.bind(self)

    def extract_feat(self, inputs: Tensor) -> Any:
        """The detector's features, at the scale of the inputs; see MMOCR."""
        return getattr(self.student, 'wrapped_model', self.student).extract_feat(inputs)

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Any]:
        """Train the detector at drawn scales, and the selector to rate them.

        Args:
            inputs: Normalised images at full resolution, shape (B, 3, H, W).
            data_samples: B annotated samples, as the detector's own training has them; left
                untouched.

        Returns:
            The detector's losses, those of the objective, whose gradient reaches the selector
            alone, and what else a log should show: ``res_scale_mean``, the mean scale that was
            drawn, and what the objective tells.

        Raises:
            ValueError: If nothing trains the selector, or a recogniser finds words without texts.
            TeacherOutputError: If the recogniser gave NaN or Inf.
        """
        choice = self._draw(inputs, data_samples)
        results = self._rate(choice, inputs, data_samples, *self._read(inputs, data_samples))
        if self.train_student:
            results = self._train_student(inputs, data_samples, choice) | results
        self.spotter.finite.settle()
        return results

    def predict(self, inputs: Tensor, data_samples: Sequence[Any]) -> list[Any]:
        """Choose a scale for each image, and find text at it.

        Args:
            inputs: Normalised images at full resolution, shape (B, 3, H, W).
            data_samples: B samples with ``img_shape`` and ``scale_factor``.

        Returns:
            New samples with the detector's predictions, in coordinates of the original images, the
            annotations of the batch's, and the metainfo of the shrunk images: ``dld_scale``,
            ``dld_cost``, ``dld_scale_index`` and ``dld_errors`` among it (see
            :meth:`.ScaleChoice.note`). They do not depend on an image's neighbours in the batch.

        Raises:
            ValueError: If a sample has no ``scale_factor``.
        """
        for sample in data_samples:
            scale_factor(sample)  # nothing else leads back to the original
        return self._predict(partial(self.student, mode='predict'), inputs, data_samples)

    @property
    def teachers(self) -> list[Teacher]:
        """Who may be judged, see :class:`~mmocr_kd.hooks.EvaluateTeacherHook`."""
        return [] if self._terms is None else self._terms.teachers

    def prepare_data(self, dataset: Any) -> bool:
        """For teachers that do so, see :class:`~mmocr_kd.hooks.TeacherDataHook`."""
        return any([distiller.prepare_data(dataset) for distiller in self.distillers])

    def detach(self) -> None:
        """Let go of teachers; the next training step binds them again."""
        for distiller in self.distillers:
            distiller.detach()

    @property
    def distillers(self) -> list[Distiller]:
        """What compares the detector with teachers, if there are terms."""
        return [] if self._terms is None else [self._terms.distiller]

    def _train_student(self, inputs: Tensor, data_samples: Sequence[Any],
                       choice: ScaleChoice) -> dict[str, Any]:
        small = self.shrink(inputs, data_samples, choice.scales)
        run = partial(detector_losses, self.student, small.inputs, small.data_samples)
        if self._terms is None:
            return run()
        self._terms.attach(self.student)
        return self._terms.around(run, inputs, data_samples, small)

    @property
    def _asks_reader(self) -> bool:
        return self.spotter.reads and self.objective is not None and self.objective.needs_words

    def _read(self, inputs: Tensor,
              data_samples: Sequence[Any]) -> tuple[Any | None, Reading | None]:
        """The words to read, and how they are read at full resolution, as far as anybody asks."""
        if not self._asks_reader:
            return None, None
        assert self.objective is not None  # who asks
        self.spotter.bind(self)
        words = self.spotter.words_of(data_samples)
        if not self.objective.needs_teacher or not len(words):
            return words, None
        return words, self.spotter.read_along(inputs, data_samples, words)

    def _forward(self, inputs: Tensor, data_samples: Sequence[Any] | None = None) -> Any:
        """The detector's raw output at the decided scales."""
        choice = self._chooser.decide(inputs, data_samples)
        small = self._shrinkers['test'](inputs, data_samples, choice.scales)
        return self.student(small.inputs, small.data_samples, mode='tensor')
