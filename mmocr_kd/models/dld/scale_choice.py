"""Which scale each image of a batch is seen at."""
from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Sequence

import torch
from mmengine.dist import get_rank, get_world_size
from torch import Tensor

from ...losses.scale_factors import check_scale_factors, cost_between, power_costs
from ..graph import is_drawn
from ..selectors import ResolutionSelector
from ..selectors.price_table import price_within

_NO_GRAPH = (
    'which scale is chosen depends on what an image shows, and sizes in a graph do not: export '
    'model.selector and model.student, each by itself, as "mmocr-kd export --with-selector" '
    'does; or set test_scale, for a graph that always sees images at that scale')
_NO_TABLE = """budget={} becomes a price by the selector's table of mean costs, which is empty: \
train with custom_hooks=[dict(type='BudgetTableHook')], which fills it after each validation and \
keeps it in the checkpoint, and set budget for tests of such a checkpoint only; or give a price \
instead"""


@dataclass(frozen=True)
class ScaleChoice:
    """The scales of B images, and how they came about.

    Args:
        scales: B factors in (0, 1].
        costs: What each costs, full resolution being 1.
        scores: What the selector says of K scales, shape (B, K); None if nobody looked.
        predicts: What that is: 'errors' or 'logits'.
        indexes: Positions of the scales among the K candidates; None if nobody looked.
        decisions: One-hot rows with the selector's gradient if drawn from logits, shape (B, K).
    """

    scales: list[float]
    costs: list[float]
    scores: Tensor | None = None
    predicts: str = 'errors'
    indexes: list[int] | None = None
    decisions: Tensor | None = None

    def note(self, data_samples: Sequence[Any]) -> None:
        """Write into predictions which scale they were made at.

        Args:
            data_samples: B samples; they get ``dld_scale``, ``dld_cost`` and, if a selector chose,
                ``dld_scale_index`` and what it said of K scales: ``dld_errors``, or of a published
                selector ``dld_scale_probs``.
        """
        for sample, scale, cost in zip(data_samples, self.scales, self.costs):
            sample.set_metainfo({'dld_scale': scale, 'dld_cost': cost})
        if self.scores is None or self.indexes is None:
            return
        scores = self.scores.detach().float()
        name = 'dld_errors' if self.predicts == 'errors' else 'dld_scale_probs'
        rows = (scores if self.predicts == 'errors' else scores.softmax(-1)).tolist()
        for sample, index, row in zip(data_samples, self.indexes, rows):
            sample.set_metainfo({'dld_scale_index': index, name: row})


class ScaleChooser:
    """Chooses by a selector, or without one.

    Args:
        selector: Looks at the images; None for fixed or random scales.
        scale_factors: Candidates without a selector: one is fixed; of several each image of a
            training batch gets one at random (the official code's SKD-only training), and
            prediction needs ``test_scale``.
        test_scale: Every image is predicted at this scale, in (0, 1].
        price: Errors that a pass at full resolution is worth, >= 0: the scale with the least
            expected errors + price * cost is taken. None: 1.
        budget: In place of a price: what a pass may cost on average, relative to full resolution,
            in (0, 1], or as '50 ms', by the selector's ``full_ms``. The lowest price that kept
            within it in validation is taken. The selector itself is not counted.

    Raises:
        ValueError: If both or neither of selector and scales are given, a scale, price or budget
            is impossible, there are several scales and no ``test_scale``, or nobody predicts the
            errors that a price is weighed against.
        TypeError: If the selector is something else.
    """

    def __init__(self, selector: ResolutionSelector | None,
                 scale_factors: Sequence[float] | None, test_scale: float | None = None,
                 price: float | None = None, budget: float | str | None = None) -> None:
        if (selector is None) == (scale_factors is None):
            raise ValueError('give either a selector, which has scale_factors of its own, or '
                             f'scale_factors, not both or neither; got selector={selector}, '
                             f'scale_factors={scale_factors}')
        if not isinstance(selector, (ResolutionSelector, type(None))):
            raise TypeError(f'selector builds a {type(selector).__name__}, expected a '
                            'ResolutionSelector')
        self.selector = selector
        self.candidates = check_scale_factors(
            scale_factors if selector is None else selector.scale_factors)  # type: ignore
        if test_scale is None and selector is None:
            test_scale = _only(self.candidates)
        if test_scale is not None and not 0 < test_scale <= 1:
            raise ValueError(f'test_scale={test_scale} must lie in (0, 1]: images only shrink')
        self.test_scale = test_scale
        _check_trade(selector, price, budget)
        self.price = 1.0 if price is None else float(price)
        self.budget = None if budget is None else budget_share(budget, selector.full_ms)  # type: ignore
        self._costs = (power_costs(self.candidates, 2) if selector is None
                       else selector.costs.tolist())

    def draw(self, images: Tensor, data_samples: Sequence[Any] | None) -> ScaleChoice:
        """Choose for training: as a published selector draws, else at random.

        The student of a selector that predicts errors has to be good at every scale. Each rank of a
        distributed training draws its own scales, though all have the same seed.

        Args:
            images: Normalised, at full resolution, shape (B, 3, H, W).
            data_samples: B samples.
        """
        scores: Tensor | None = None
        if self.selector is not None:
            scores = self.selector(images, data_samples)
            if self.selector.predicts == 'logits':
                decisions = self.selector.sample(scores)
                return self._choice(decisions.detach().argmax(-1), scores, decisions)
        everybodys = torch.randint(len(self.candidates), (get_world_size(), len(images)))
        return self._choice(everybodys[get_rank()], scores)

    def decide(self, images: Tensor, data_samples: Sequence[Any] | None) -> ScaleChoice:
        """Choose for prediction: always the same for the same image.

        Args:
            images: As above.
            data_samples: As above.

        Raises:
            RuntimeError: If a graph is drawn (ONNX, tracing) in which the choice would be fixed.
            ValueError: If a budget cannot be met, or the selector's table is empty.
        """
        if self.test_scale is not None:
            cost = cost_between(self.test_scale, self.candidates, self._costs)
            return ScaleChoice([self.test_scale] * len(images), [cost] * len(images))
        assert self.selector is not None  # the constructor saw to that
        if is_drawn():
            raise RuntimeError(_NO_GRAPH)
        scores = self.selector(images, data_samples)
        return self._choice(self.selector.select(scores, self.price_now()), scores)

    def price_now(self) -> float:
        """What a pass at full resolution is worth: the price, or what the budget makes of it.

        Raises:
            ValueError: If a budget cannot be met, or the selector's table is empty.
        """
        if self.budget is None:
            return self.price
        assert self.selector is not None  # the constructor saw to that
        table = self.selector.mean_costs.cpu()
        if table.isnan().any():
            raise ValueError(_NO_TABLE.format(f'{self.budget:g}'))
        return price_within(self.budget, table)

    def _choice(self, indexes: Tensor, scores: Tensor | None,
                decisions: Tensor | None = None) -> ScaleChoice:
        chosen = indexes.tolist()
        return ScaleChoice([self.candidates[i] for i in chosen], [self._costs[i] for i in chosen],
                           scores, self.selector.predicts if self.selector else 'errors',
                           chosen, decisions)


def budget_share(budget: float | str, full_ms: float | None) -> float:
    """A budget as a share of the cost of full resolution.

    Args:
        budget: A share in (0, 1], or milliseconds as '50 ms'.
        full_ms: How long full resolution takes.

    Raises:
        ValueError: If it is neither, or nobody knows how long full resolution takes.
    """
    if isinstance(budget, str):
        found = re.fullmatch(r'\s*([\d.]+)\s*ms\s*', budget)
        if not found:
            raise ValueError(f"budget={budget!r} must be a share such as 0.5, or a time, '50 ms'")
        if full_ms is None:
            raise ValueError(f'budget={budget!r} is a time, and nobody knows how long full '
                             'resolution takes: give the selector its full_ms (mmocr-kd '
                             'rate-scales measures it), or a share such as budget=0.5')
        return float(found[1]) / full_ms
    if not 0 < budget <= 1:
        raise ValueError(f"budget={budget} must lie in (0, 1], a share of full resolution's cost, "
                         "or be a time, '50 ms'")
    return float(budget)


def _check_trade(selector: ResolutionSelector | None, price: float | None,
                 budget: float | str | None) -> None:
    if price is not None and not 0 <= price < math.inf:
        raise ValueError(f'price={price} must be a finite number >= 0')
    if (price is None and budget is None) or getattr(selector, 'predicts', None) == 'errors':
        return
    raise ValueError(f'price={price} and budget={budget} trade compute for errors that a selector '
                     "predicts, and there is none with predicts='errors': leave both out")


def _only(candidates: tuple[float, ...]) -> float:
    if len(candidates) > 1:
        raise ValueError(f'scale_factors={list(candidates)} without a selector: say by '
                         'test_scale at which of them to predict')
    return candidates[0]
