"""The terms of DLD's objective beyond the student's own losses."""
from __future__ import annotations

from typing import Any, Mapping

from torch import Tensor, nn

from ...losses import (
    FeatureL2Loss,
    Reading,
    ResolutionAccuracyLoss,
    ResolutionCostLoss,
    ResolutionTargetLoss,
    SequenceKDLoss,
    image_errors,
)
from ..selectors import ResolutionSelector
from .candidates import Candidates
from .loss_terms import build_loss, with_scales_of
from .scale_choice import ScaleChoice

TERMS: dict[str, type[nn.Module]] = {
    'accuracy': ResolutionAccuracyLoss,
    'cost': ResolutionCostLoss,
    'target': ResolutionTargetLoss,
    'roi': FeatureL2Loss,
    'context': FeatureL2Loss,
    'sequence': SequenceKDLoss,
}
# Two terms of one type would log under one name.
NAMES = {'roi': {'name': 'loss_kd_roi'}, 'context': {'name': 'loss_kd_context'}}
OF_SELECTOR = ('accuracy', 'cost', 'target')


class DLDLosses(nn.ModuleDict):
    """What trains the selector, and what makes the student read as the teacher does.

    Args:
        losses: Configs by name, each optional: 'accuracy' and 'cost', or instead of both 'target',
            which takes its prices from 'cost'; 'roi', 'context', 'sequence'. ``type`` may be left
            out; 'cost' takes the selector's scale factors, 'roi' and 'context' are logged as
            ``loss_kd_roi`` and ``loss_kd_context``.
        selector: What the first three train; None if there is none.

    Raises:
        ValueError: If a name is unknown, terms of the selector are given without one or do not
            go together, or the cost has other scales than the selector.
        TypeError: If a config builds something else.
    """

    def __init__(self, losses: Mapping[str, dict[str, Any]],
                 selector: ResolutionSelector | None) -> None:
        _check_names(losses, selector)
        given = {name: {**NAMES.get(name, {}), **loss}
                 for name, loss in losses.items() if loss is not None}
        if selector is not None and 'cost' in given:
            given['cost'] = with_scales_of(selector, given['cost'])
        super().__init__({name: build_loss(name, loss, TERMS[name])
                          for name, loss in given.items()})
        if 'target' in self and getattr(self['cost'], 'budget', None) is not None:
            raise ValueError("a budget is the mean cost of a batch; 'target' prices every image by "
                             "itself and cannot have one: leave budget out of 'cost'")

    @property
    def needs_teacher(self) -> bool:
        """Whether any term looks at the teacher's reading."""
        return any(name not in OF_SELECTOR or getattr(loss, 'needs_teacher', False)
                   for name, loss in self.items())

    @property
    def needs_candidates(self) -> bool:
        """Whether the student has to read at every scale."""
        return 'accuracy' in self or 'target' in self

    def of_reading(self, student: Reading | None, teacher: Reading | None) -> dict[str, Tensor]:
        """SKD: compare how both read; nothing without words.

        Args:
            student: At the chosen scales, with gradient.
            teacher: At full resolution, of the same words in the same order.
        """
        if student is None or teacher is None:
            return {}
        results: dict[str, Tensor] = {}
        if 'roi' in self:
            results |= self['roi'](student.roi, teacher.roi)
        if 'context' in self:
            results |= self['context'](student.context, teacher.context)
        if 'sequence' in self:
            results |= self['sequence'](student, teacher, student.labels)
        return results

    def of_choice(self, choice: ScaleChoice, candidates: Candidates | None,
                  teacher: Reading | None = None) -> dict[str, Tensor]:
        """DRS: what the chosen scales cost, in compute and in accuracy.

        Args:
            choice: With decisions, if there is a selector.
            candidates: How the student reads at each scale; None without words.
            teacher: For comparisons with it.

        Returns:
            Losses that reach the selector alone; the accuracy of no words is 0.

        Raises:
            ValueError: If a selector chose and there is no term to train it.
        """
        if choice.decisions is None or choice.logits is None:
            return {}
        if not any(name in self for name in OF_SELECTOR):
            raise ValueError("nothing trains the selector: give losses 'accuracy' and 'cost'")
        if 'target' in self:
            return self['target'](choice.logits, self._errors(choice.logits, candidates))
        results: dict[str, Tensor] = {}
        if 'cost' in self:
            results |= self['cost'](choice.decisions)
        if 'accuracy' in self:
            results |= self._accuracy(choice.decisions, candidates, teacher)
        return results

    def _errors(self, logits: Tensor, candidates: Candidates | None) -> Tensor:
        """Loss and price of each image at each scale, shape (B, K)."""
        cost: Any = self['cost']
        prices = cost.prices.expand(len(logits), -1)
        if candidates is None:
            return prices
        return prices + image_errors(candidates.logits, candidates.labels, candidates.image_index,
                                     len(logits))

    def _accuracy(self, decisions: Tensor, candidates: Candidates | None,
                  teacher: Reading | None) -> dict[str, Tensor]:
        if candidates is None:
            return {'loss_res_acc': decisions.sum() * 0}  # DDP wants to see the selector
        return self['accuracy'](decisions, candidates.logits, candidates.image_index,
                                candidates.labels, None if teacher is None else teacher.logits[0])

    def statistics(self, choice: ScaleChoice) -> dict[str, Tensor]:
        """``res_cost``: the expected cost, unweighted, 1 being the teacher's resolution."""
        if 'cost' not in self or choice.logits is None:
            return {}
        cost: Any = self['cost']
        return {'res_cost': cost.expected(choice.logits.detach())}


def _check_names(losses: Mapping[str, Any], selector: ResolutionSelector | None) -> None:
    if unknown := sorted(set(losses) - set(TERMS)):
        raise ValueError(f'losses has {unknown}: it takes {tuple(TERMS)}')
    given = [name for name in OF_SELECTOR if losses.get(name) is not None]
    if selector is None and given:
        raise ValueError(f'losses has {given}, which train a selector, and there is none')
    if 'target' in given and ('accuracy' in given or 'cost' not in given):
        raise ValueError(f"losses has {given}: 'target' takes the place of 'accuracy', and needs "
                         "'cost' to know the prices")
