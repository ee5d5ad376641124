"""The terms of DLD's objective that make a student read as its teacher does."""
from __future__ import annotations

from typing import Any, Mapping

from mmocr.registry import MODELS
from torch import Tensor, nn

from ...losses import FeatureL2Loss, Reading, SequenceKDLoss

TERMS: dict[str, type[nn.Module]] = {
    'roi': FeatureL2Loss,
    'context': FeatureL2Loss,
    'sequence': SequenceKDLoss,
}
# Two terms of one type would log under one name.
NAMES = {'roi': {'name': 'loss_kd_roi'}, 'context': {'name': 'loss_kd_context'}}


class DLDLosses(nn.ModuleDict):
    """What makes the student read as the teacher does (SKD).

    Args:
        losses: Configs by name, each optional: 'roi', 'context', 'sequence'. ``type`` may be left
            out; 'roi' and 'context' are logged as ``loss_kd_roi`` and ``loss_kd_context``.

    Raises:
        ValueError: If a name is unknown.
        TypeError: If a config builds something else.
    """

    def __init__(self, losses: Mapping[str, dict[str, Any]]) -> None:
        if unknown := sorted(set(losses) - set(TERMS)):
            raise ValueError(f'losses has {unknown}: it takes {tuple(TERMS)}; what trains the '
                             'selector is objective=dict(...)')
        super().__init__({name: _build(name, {**NAMES.get(name, {}), **loss})
                          for name, loss in losses.items() if loss is not None})

    def of_reading(self, student: Reading | None, teacher: Reading | None) -> dict[str, Tensor]:
        """Compare how both read; nothing without words.

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


def _build(name: str, loss: Mapping[str, Any]) -> nn.Module:
    kind = TERMS[name]
    built: Any = MODELS.build({'type': kind.__name__, **loss})
    if not isinstance(built, kind):
        raise TypeError(f'losses[{name!r}] builds a {type(built).__name__}, expected a '
                        f'{kind.__name__}')
    return built
