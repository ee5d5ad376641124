"""A text detector that chooses the resolution it works at."""
from __future__ import annotations

import copy
from functools import partial
from typing import Any, Mapping, Sequence

import torch
from mmocr.models.textdet.detectors.base import BaseTextDetector
from mmocr.registry import MODELS
from torch import Tensor

from ...distill import FiniteCheck, Teacher
from ..recognizers.plain_student_keys import PlainStudentKeys
from ..spotters.detector_losses import detector_losses
from ..spotters.spotting_samples import scale_factor
from .accuracy_sources import AccuracySource, ByDetection, ByReading
from .distillation import DetectorTerms
from .frozen_reader import FrozenReader
from .regions import Regions
from .scale_choice import ScaleChoice, ScaleChooser
from .selector_losses import SelectorLosses
from .shrinking import Shrunk, shrinkers


@MODELS.register_module()
class DLDTextDetector(PlainStudentKeys, BaseTextDetector):
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
        scale_factors: Candidate scales without a selector: one is fixed, of several each image of
            a training batch gets one at random; see :class:`.ScaleChooser`.
        acc_source: What tells how good a scale is. 'det': the detection loss of each image at
            each scale. 'rec_lr': how well a frozen recogniser reads the annotated words in the
            shrunk image.
        recognizer: Of 'rec_lr': fields of :class:`.FrozenReader`. Built when training needs it.
        losses: Configs of 'accuracy' and 'cost', see :class:`.SelectorLosses`; not needed for
            prediction.
        terms: What the detector learns of teachers that see the images at full resolution: one
            dict per comparison, with the fields of
            :class:`~mmocr_kd.models.detectors.DBNetDistiller`'s; see :class:`.DetectorTerms`.
            Adaptors are saved below ``adaptors.``.
        teacher: Of terms that have none.
        schedule: Likewise.
        test_scale: Predict every image at this scale, whatever the selector says.
        regions: Fields of :class:`.Regions`: after a pass over a shrunk image its regions of low
            text are looked at again at full resolution. None: nothing is.
        pad_divisor: Of the shrunk batches.
        max_long_edge: Limits of the longer edge after shrinking in 'train' and 'test', pixels;
            1600 and 3000 in DLD's official code, None for none.
        antialias: Smooth before shrinking; the official code does not.
        data_preprocessor: By default the detector's.
        init_cfg: As in MMEngine.

    Raises:
        ValueError, TypeError: If fields contradict each other or have unknown values.
    """

    def __init__(self,
                 detector: dict[str, Any],
                 selector: dict[str, Any] | None = None,
                 scale_factors: Sequence[float] | None = None,
                 acc_source: str = 'det',
                 recognizer: dict[str, Any] | None = None,
                 losses: Mapping[str, dict[str, Any] | None] | None = None,
                 terms: Sequence[dict[str, Any]] = (),
                 teacher: dict[str, Any] | None = None,
                 schedule: dict[str, Any] | None = None,
                 test_scale: float | None = None,
                 regions: Mapping[str, Any] | None = None,
                 pad_divisor: int = 32,
                 max_long_edge: Mapping[str, int | None] | None = None,
                 antialias: bool = False,
                 data_preprocessor: dict[str, Any] | None = None,
                 init_cfg: Any = None) -> None:
        # A copy: MMOCR's wrapper of MMDetection takes its config apart.
        built: Any = MODELS.build(copy.deepcopy(detector))
        super().__init__(data_preprocessor or built.data_preprocessor, init_cfg)
        self.student = built
        self.selector = None if selector is None else MODELS.build(selector)
        # Plain objects, not modules: nothing of them may enter the module tree.
        self._chooser = ScaleChooser(self.selector, scale_factors, test_scale)
        self.losses = SelectorLosses(losses or {}, self.selector, acc_source)
        self._shrinkers = shrinkers(max_long_edge, pad_divisor, antialias)
        self._regions = None if regions is None else Regions(**regions)
        self._finite = FiniteCheck()
        self._accuracy = self._accuracy_source(acc_source, recognizer)
        self._terms = DetectorTerms(terms, teacher, schedule) if terms else None
        if self._terms is not None:
            self.adaptors = self._terms.adaptors

    def init_weights(self) -> None:
        """Initialise, and get what 'rec_lr' reads with.

        Raises:
            FileNotFoundError, CheckpointError: If there is no such recogniser, or it does not fit;
                MMEngine calls this before the first training step.
        """
        super().init_weights()
        if self._terms is not None:
            self._terms.attach(self.student)
        if isinstance(self._accuracy, ByReading):
            self._accuracy.reader.bind(self)

    def extract_feat(self, inputs: Tensor) -> Any:
        """The detector's features, at the scale of the inputs; see MMOCR."""
        return getattr(self.student, 'wrapped_model', self.student).extract_feat(inputs)

    def loss(self, inputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Any]:
        """Train the detector at the drawn scales, and the selector to draw good ones.

        Args:
            inputs: Normalised images at full resolution, shape (B, 3, H, W).
            data_samples: B annotated samples, as the detector's own training has them; left
                untouched.

        Returns:
            The detector's losses, ``loss_res_acc`` and ``loss_res_cost``, whose gradient reaches
            the selector alone, and what else a log should show: ``res_scale_mean``,
            ``res_entropy``, ``res_cost``, ``tau``.

        Raises:
            ValueError: If no loss trains the selector, or 'rec_lr' finds words without texts.
            TeacherOutputError: If the recogniser of 'rec_lr' gave NaN or Inf.
        """
        choice = self._chooser.draw(inputs, data_samples)
        rated = self._rate(choice, inputs, data_samples)
        small = self._shrinkers['train'](inputs, data_samples, choice.scales)
        results = self._train_student(inputs, data_samples, small)
        self._finite.settle()
        return results | rated | self._statistics(choice)

    def predict(self, inputs: Tensor, data_samples: Sequence[Any]) -> list[Any]:
        """Choose a scale for each image, and find text at it.

        Args:
            inputs: Normalised images at full resolution, shape (B, 3, H, W).
            data_samples: B samples with ``img_shape`` and ``scale_factor``.

        Returns:
            New samples with the detector's predictions, in coordinates of the original images, the
            annotations of the batch's, and the metainfo of the shrunk images: ``dld_scale``,
            ``dld_scale_index`` and ``dld_scale_probs`` among it (see :meth:`.ScaleChoice.note`).
            They do not depend on an image's neighbours in the batch.

        Raises:
            ValueError: If a sample has no ``scale_factor``.
        """
        for sample in data_samples:
            scale_factor(sample)  # nothing else leads back to the original
        choice = self._chooser.decide(inputs, data_samples)
        detect = partial(self.student, mode='predict')
        results = self._shrinkers['test'].predict(detect, inputs, data_samples, choice.scales)
        choice.note(results)
        if self._regions is not None:
            self._regions.repeat(detect, inputs, data_samples, results, self._shrinkers['test'],
                                 choice.scales)
        return results

    @property
    def teachers(self) -> list[Teacher]:
        """Who may be judged, see :class:`~mmocr_kd.hooks.EvaluateTeacherHook`."""
        return [] if self._terms is None else self._terms.teachers

    def prepare_data(self, dataset: Any) -> bool:
        """For teachers that do so, see :class:`~mmocr_kd.hooks.TeacherDataHook`."""
        return self._terms is not None and self._terms.distiller.prepare_data(dataset)

    def detach(self) -> None:
        """Let go of teachers; the next training step binds them again."""
        if self._terms is not None:
            self._terms.distiller.detach()

    def _train_student(self, inputs: Tensor, data_samples: Sequence[Any],
                       small: Shrunk) -> dict[str, Any]:
        run = partial(detector_losses, self.student, small.inputs, small.data_samples)
        if self._terms is None:
            return run()
        self._terms.attach(self.student)
        return self._terms.around(run, inputs, data_samples, small)

    def _rate(self, choice: ScaleChoice, inputs: Tensor,
              data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """The losses of the selector."""
        if self.selector is not None and not self.losses:
            raise ValueError("nothing trains the selector: give losses 'accuracy' and 'cost'")
        rated: dict[str, Tensor] = {}
        if self._accuracy is not None:
            rated |= self._accuracy(self, choice, inputs, data_samples)
        if 'cost' in self.losses:
            rated |= self.losses['cost'](choice.decisions)
        return rated

    def _accuracy_source(self, acc_source: str,
                         recognizer: dict[str, Any] | None) -> AccuracySource | None:
        if (recognizer is None) == (acc_source == 'rec_lr'):
            raise ValueError(
                f'acc_source={acc_source!r} with recognizer={recognizer}: only "rec_lr" has one, '
                'recognizer=dict(config=..., checkpoint=..., crop=dict(size=(height, width)))')
        if 'accuracy' not in self.losses:
            return None
        loss: Any = self.losses['accuracy']
        if recognizer is None:
            return ByDetection(loss, self._shrinkers['train'])
        return ByReading(loss, FrozenReader(**recognizer), self._shrinkers['train'],
                         self._finite)

    def _statistics(self, choice: ScaleChoice) -> dict[str, Tensor]:
        statistics = choice.statistics()
        if 'cost' in self.losses and choice.logits is not None:
            cost: Any = self.losses['cost']
            statistics['res_cost'] = cost.expected(choice.logits.detach())
        if self.selector is not None:
            statistics['tau'] = torch.tensor(self.selector.tau)
        return statistics

    def _forward(self, inputs: Tensor, data_samples: Sequence[Any] | None = None) -> Any:
        """The detector's raw output at the decided scales."""
        choice = self._chooser.decide(inputs, data_samples)
        small = self._shrinkers['test'](inputs, data_samples, choice.scales)
        return self.student(small.inputs, small.data_samples, mode='tensor')
