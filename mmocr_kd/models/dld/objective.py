"""What trains a selector: to predict errors (ours), or to draw good scales (as published)."""
from __future__ import annotations

from typing import Any, Mapping, Sequence

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...losses import ExpectedErrorLoss, Reading, ResolutionAccuracyLoss, ResolutionCostLoss
from .error_sources import ErrorSource
from .scale_choice import ScaleChoice

# What is published of the accuracy term; both have gamma 0.1 and 0.3.
PRESETS: dict[str, dict[str, Any]] = {
    'official': dict(mode='ce', combine='logits'),
    'paper': dict(mode='kl', combine='probs', kl_direction='teacher_student', temperature=1.0),
}
_SAME_READING = """crop_from='full' reads the same crops at every scale, so that how they are read \
says nothing about the scale, and the cost alone would drive every image to the smallest: take \
objective=dict(type='ErrorObjective'), which counts what is found, or crops of the shrunk image"""


class Objective(nn.Module):
    """What trains the selector of a DLD model.

    Attributes:
        predicts: What the selector has to predict for it.
        needs_words: Whether it looks at words that can be read.
        needs_teacher: Whether it looks at the teacher's reading.
    """

    predicts: str
    needs_words = True
    needs_teacher = False

    def bind(self, model: Any) -> None:
        """See who is to be trained.

        Args:
            model: The model whose selector it is; complete but for its weights.

        Raises:
            ValueError: If it has no selector, or one that cannot learn this.
        """
        selector = model.selector
        if selector is None:
            raise ValueError(f'objective={type(self).__name__} trains a selector, and there is '
                             'none: give a selector, or leave the objective out')
        if selector.predicts != self.predicts:
            raise ValueError(f'{type(self).__name__} trains a selector with predicts='
                             f'{self.predicts!r}, this one has predicts={selector.predicts!r}')

    def forward(self, model: Any, choice: ScaleChoice, inputs: Tensor,
                data_samples: Sequence[Any], words: Any | None,
                teacher: Reading | None) -> dict[str, Tensor]:
        """Rate what the selector said.

        Args:
            model: See :meth:`bind`.
            choice: Of a batch, with the selector's scores.
            inputs: The batch at full resolution, shape (B, 3, H, W).
            data_samples: Its B samples, annotated.
            words: Its words that can be read, if that is needed; None: nobody reads.
            teacher: Reading of these words at full resolution, if that is needed and there are any.

        Returns:
            Losses whose gradient reaches the selector alone, and what a log should show.
        """
        raise NotImplementedError


@MODELS.register_module()
class ErrorObjective(Objective):
    """The selector learns how many errors to expect at each scale (our choice).

    Nothing is traded in training: compute has its price when the model is used. So one training
    gives every compromise, and the student, if it is trained, sees all scales.

    Args:
        errors: Config of an :class:`.ErrorSource`; :class:`.PassErrors` unless it says otherwise.
        loss: Config of a :class:`~mmocr_kd.losses.ExpectedErrorLoss`.

    Map: scale_choice.py draws and chooses, error_sources.py counts errors, this file compares them
    by losses/expected_error_loss.py; models/selectors/resolution_selector.py predicts.
    """

    predicts = 'errors'

    def __init__(self, errors: Mapping[str, Any] | None = None,
                 loss: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.errors: ErrorSource = MODELS.build({'type': 'PassErrors', **(errors or {})})
        self.loss: Any = MODELS.build({'type': 'ExpectedErrorLoss', **(loss or {})})
        if not isinstance(self.loss, ExpectedErrorLoss):
            raise TypeError(f'loss builds a {type(self.loss).__name__}, expected an '
                            'ExpectedErrorLoss: another one may not have the mean as its optimum')

    @property
    def needs_words(self) -> bool:  # type: ignore[override]
        """Whether the source of the errors reads."""
        return getattr(self.errors, 'needs_words', True)

    def forward(self, model: Any, choice: ScaleChoice, inputs: Tensor,
                data_samples: Sequence[Any], words: Any | None,
                teacher: Reading | None) -> dict[str, Tensor]:
        """``loss_res_error``, and ``res_cost``: of what would be chosen now at the model's price.

        See :meth:`Objective.forward`.
        """
        assert choice.scores is not None  # there is a selector
        errors = self.errors(model, inputs, data_samples, words)
        model.selector.note_errors(errors)
        chosen = model.selector.select(choice.scores.detach(), model.price)
        cost = model.selector.costs[chosen].mean()
        return self.loss(choice.scores, errors) | {'res_cost': cost}


@MODELS.register_module()
class GumbelObjective(Objective):
    """The published objective: how badly the student reads at the drawn scale, and what that costs.

    DLD (Chen et al., ECCV 2022): each image's scale is drawn by straight-through Gumbel-softmax;
    reading there has a loss, and so has its cost, gamma times that of the selector's ``costs``. The
    student learns at the drawn scales. An image in which nothing can be read, for want of text or
    of characters in the dictionary, has a cost alone. Both readings of the method are presets:

    - 'official': cross-entropy of blended logits to the labels; its costs are the selector's
      ``costs=1.5``, the scale to that power.
    - 'paper': KL of blended probabilities to the teacher's; costs are measured operations.

    Args:
        preset: 'official' or 'paper'.
        accuracy: Fields of :class:`~mmocr_kd.losses.ResolutionAccuracyLoss` that differ from the
            preset's.
        cost: Fields of :class:`~mmocr_kd.losses.ResolutionCostLoss`: ``loss_weight`` is gamma.

    Raises:
        ValueError: If the preset is unknown, or nobody reads, or does so at every scale alike.

    Map: models/selectors/straight_through.py draws, scale_choice.py writes it down, candidates.py
    reads at all scales, losses/resolution_accuracy_loss.py and resolution_cost_loss.py rate.
    """

    predicts = 'logits'

    def __init__(self, preset: str = 'official', accuracy: Mapping[str, Any] | None = None,
                 cost: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        if preset not in PRESETS:
            raise ValueError(f'preset={preset!r} is unknown: use one of {tuple(PRESETS)}')
        self.preset = preset
        self.accuracy = ResolutionAccuracyLoss(**{**PRESETS[preset], **_fields(accuracy)})
        self._cost = _fields(cost)

    def bind(self, model: Any) -> None:
        """See :meth:`Objective.bind`."""
        super().bind(model)
        if not getattr(model.spotter, 'reads', True):
            raise ValueError('GumbelObjective rates scales by how words are read, and nobody does: '
                             'give recognizer=dict(config=..., checkpoint=..., crop=dict(size='
                             "(height, width))), or take objective=dict(type='ErrorObjective')")
        if getattr(model.spotter, 'crop_from', None) == 'full':
            raise ValueError(_SAME_READING)
        self.cost = ResolutionCostLoss(model.selector.costs.tolist(), **self._cost)

    @property
    def needs_teacher(self) -> bool:  # type: ignore[override]
        """Whether readings are compared with the teacher's."""
        return self.accuracy.needs_teacher

    def forward(self, model: Any, choice: ScaleChoice, inputs: Tensor,
                data_samples: Sequence[Any], words: Any | None,
                teacher: Reading | None) -> dict[str, Tensor]:
        """``loss_res_acc``, ``loss_res_cost``, and ``res_entropy``, ``res_cost`` and ``tau``.

        Without words the accuracy is 0. Statistics: the mean entropy of the selector's
        probabilities in nats, log K at the start and 0 when it is sure; the expected cost; the
        temperature. See :meth:`Objective.forward`.
        """
        assert choice.scores is not None and choice.decisions is not None  # they were drawn
        candidates = None if words is None else model.read_at_scales(inputs, data_samples, words)
        accuracy = {'loss_res_acc': choice.decisions.sum() * 0}  # DDP wants to see the selector
        if candidates is not None:
            accuracy = self.accuracy(choice.decisions, candidates.logits, candidates.image_index,
                                     candidates.labels, _logits(teacher))
        log_probs = choice.scores.detach().float().log_softmax(-1)
        return accuracy | self.cost(choice.decisions) | {
            'res_entropy': -(log_probs.exp() * log_probs).sum(-1).mean(),
            'res_cost': self.cost.expected(choice.scores.detach()),
            'tau': torch.tensor(model.selector.tau)}


def build_objective(objective: Mapping[str, Any] | None, model: Any) -> Objective | None:
    """Build what trains a model's selector.

    Args:
        objective: Its config; None: nothing, the model is for prediction, or has no selector.
        model: See :meth:`Objective.bind`.

    Raises:
        TypeError: If the config builds something else.
        ValueError: If it cannot train this model's selector.
    """
    if objective is None:
        return None
    built = MODELS.build(dict(objective))
    if not isinstance(built, Objective):
        raise TypeError(f'objective builds a {type(built).__name__}, expected an ErrorObjective or '
                        'a GumbelObjective')
    built.bind(model)
    return built


def _fields(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Of a loss whose type is known, and may stand there all the same."""
    return {name: value for name, value in (config or {}).items() if name != 'type'}


def _logits(reading: Reading | None) -> Tensor | None:
    return None if reading is None else reading.logits[0]
