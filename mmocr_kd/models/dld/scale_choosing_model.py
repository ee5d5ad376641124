"""What the models that choose their resolution have in common, whatever they find."""
from __future__ import annotations

from typing import Any, Mapping, Sequence

import torch
from mmocr.models.textdet.detectors.base import BaseTextDetector
from mmocr.registry import MODELS
from torch import Tensor

from ...distill.precision import precision
from ...losses import Reading
from ..recognizers.plain_student_keys import PlainStudentKeys
from .candidates import Candidates, evaluating, read_candidates
from .objective import build_objective
from .regions import Regions
from .scale_choice import ScaleChoice, ScaleChooser
from .shrinking import Predict, Shrinker, shrinkers


class ScaleChoosingModel(PlainStudentKeys, BaseTextDetector):
    """A student behind a selector: choice, shrinking, and what trains the selector.

    Args:
        student: What sees the shrunk images.
        spotter: The same as an objective sees it: it may ``detect`` and ``read_along``.
        selector: Config, or None.
        objective: Config, or None.
        scale_factors: See :class:`.ScaleChooser`, as ``test_scale``, ``price`` and ``budget``.
        test_scale: See there.
        price: See there.
        budget: See there.
        regions: Fields of :class:`.Regions`, or None.
        train_student: False leaves the student as it is, in eval mode.
        pad_divisor: See :func:`.shrinkers`, as ``max_long_edge`` and ``antialias``.
        max_long_edge: See there.
        antialias: See there.
        candidate_dtype: In which type the student reads at all scales.
        data_preprocessor: By default the student's.
        init_cfg: As in MMEngine.
    """

    spotter: Any

    def __init__(self, student: Any, spotter: Any, selector: dict[str, Any] | None,
                 objective: Mapping[str, Any] | None, scale_factors: Sequence[float] | None,
                 test_scale: float | None, price: float | None, budget: float | str | None,
                 regions: Mapping[str, Any] | None, train_student: bool, pad_divisor: int,
                 max_long_edge: Mapping[str, int | None] | None, antialias: bool,
                 candidate_dtype: str | None, data_preprocessor: dict[str, Any] | None,
                 init_cfg: Any) -> None:
        super().__init__(data_preprocessor or student.data_preprocessor, init_cfg)
        self.student = student
        # Past nn.Module: often the student itself, which must not enter the module tree twice.
        self.__dict__['spotter'] = spotter
        self.selector = None if selector is None else MODELS.build(selector)
        self._chooser = ScaleChooser(self.selector, scale_factors, test_scale, price, budget)
        self._shrinkers = shrinkers(max_long_edge, pad_divisor, antialias)
        self._regions = None if regions is None else Regions(**regions)
        self.candidate_dtype = precision(candidate_dtype, 'candidate_dtype')
        self.objective = build_objective(objective, self)
        self.train_student = train_student
        if train_student:
            return
        if self.selector is None:
            raise ValueError('train_student=False without a selector: nothing is left to train')
        self.student.requires_grad_(False)

    def train(self, mode: bool = True) -> ScaleChoosingModel:
        """Set the mode; a student that is not trained stays in eval mode."""
        super().train(mode)
        if not self.train_student:
            self.student.eval()
        return self

    @property
    def price(self) -> float:
        """Errors that a pass at full resolution is worth."""
        return self._chooser.price

    def choice_rule(self) -> dict[str, Any]:
        """How :meth:`predict` chooses and shrinks, as plain values.

        Returns:
            ``scales``, what they ``costs``, the ``price``, what the selector ``predicts``, the
            ``short_edge`` in pixels that it sees or None, ``max_long_edge``, ``antialias`` and
            ``divisor`` of the shrunk images.

        Raises:
            ValueError: If no selector chooses, regions are looked at twice, or a budget cannot be
                met.
        """
        chooser = self._chooser
        if self.selector is None or chooser.test_scale is not None:
            raise ValueError(f'test_scale={chooser.test_scale}: no selector chooses here')
        return dict(scales=list(chooser.candidates), costs=self.selector.costs.tolist(),
                    price=chooser.price_now(), predicts=self.selector.predicts,
                    short_edge=self.selector.input_short_edge, **self._shrink_rule())

    def fixed_rule(self) -> dict[str, Any] | None:
        """How :meth:`predict` shrinks images if it shrinks all alike, as plain values.

        Returns:
            ``scale``, and ``max_long_edge``, ``antialias`` and ``divisor`` as above; None if a
            selector chooses.

        Raises:
            ValueError: If regions are looked at twice.
        """
        scale = self._chooser.test_scale
        return None if scale is None else dict(scale=scale, **self._shrink_rule())

    def _shrink_rule(self) -> dict[str, Any]:
        if self._regions is not None:
            raise ValueError('regions are looked at twice, which is not known outside of PyTorch: '
                             'set model.regions=None')
        small = self._shrinkers['test']
        return dict(max_long_edge=small.max_long_edge, antialias=small.antialias,
                    divisor=small.pad_divisor)

    @property
    def shrink(self) -> Shrinker:
        """How images shrink in training."""
        return self._shrinkers['train']

    @torch.no_grad()
    def expected_errors(self, inputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """What the selector expects of images at each scale; no student is asked.

        Args:
            inputs: The batch at full resolution, as the data preprocessor gives it, shape
                (B, 3, H, W).
            data_samples: Its B samples; only sizes count.

        Returns:
            Errors in words, >= 0, float32, shape (B, K); those :meth:`predict` chooses by.

        Raises:
            ValueError: If there is no selector, or one that does not predict errors.
        """
        if self.selector is None or self.selector.predicts != 'errors':
            raise ValueError(f"{type(self).__name__} has no selector with predicts='errors': "
                             'nobody predicts errors here')
        with evaluating(self.selector):
            return self.selector(self._normalized(inputs, data_samples), data_samples)

    def read_at_scales(self, inputs: Tensor, data_samples: Sequence[Any],
                       words: Any) -> Candidates | None:
        """How words are read at each of the selector's scales, in eval mode and without gradient.

        Args:
            inputs: The batch at full resolution, shape (B, 3, H, W).
            data_samples: Its B samples.
            words: Words of it.

        Returns:
            The readings; None without words.
        """
        if not len(words):
            return None
        with evaluating(self.student):
            return read_candidates(self.spotter, inputs, data_samples, words,
                                   self._chooser.candidates, self.shrink, self.candidate_dtype)

    def _normalized(self, inputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """What the selector sees."""
        return self.spotter.normalized(inputs, data_samples)

    def _predict(self, predict: Predict, inputs: Tensor,
                 data_samples: Sequence[Any], with_full: bool = False) -> list[Any]:
        """Predictions at chosen scales, which stand in their metainfo."""
        choice = self._chooser.decide(self._normalized(inputs, data_samples), data_samples)
        test = self._shrinkers['test']
        results = test.predict(predict, inputs, data_samples, choice.scales, with_full)
        choice.note(results)
        if self._regions is not None:
            self._regions.repeat(predict, inputs, data_samples, results, test, choice.scales)
        return results

    def _draw(self, inputs: Tensor, data_samples: Sequence[Any]) -> ScaleChoice:
        """Scales to train at."""
        if self.selector is not None and self.objective is None:
            raise ValueError('nothing trains the selector: give objective=dict(type='
                             "'ErrorObjective'), or the published dict(type='GumbelObjective')")
        return self._chooser.draw(self._normalized(inputs, data_samples), data_samples)

    def _rate(self, choice: ScaleChoice, inputs: Tensor, data_samples: Sequence[Any],
              words: Any | None, teacher: Reading | None) -> dict[str, Tensor]:
        """What trains the selector, and what a log should show."""
        scale_mean = {'res_scale_mean': torch.tensor(choice.scales).mean()}
        if self.objective is None:
            return scale_mean
        return scale_mean | self.objective(self, choice, inputs, data_samples, words, teacher)
