"""KD-LTR, part two: each character like the teacher's, unlike all others."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor

from .checks import at_least_float32, require_choice, require_positive
from .projectors import PROJECTORS, BiLSTMProjector, build_projector
from .reading import Labels, Reading, ReadingLoss
from .steps import first_steps, require_readings
from .unit_vectors import unit_vectors
from .weighted_mean import weighted_mean


@MODELS.register_module()
class SemanticContrastiveLoss(ReadingLoss):
    """NT-Xent between the characters of student and teacher.

    Guo et al., "One-stage Low-resolution Text Recognition with High-resolution Knowledge Transfer"
    (ACM MM 2023). The vectors of all characters (end tokens included) of the batch are projected
    and compared by cosine. Each has to find its counterpart in the other branch among all other
    vectors of both branches. One trainable projector serves both branches; it belongs to the loss
    and is of no use after training. Negatives come from the batch of one process (as official).
    What autoregressive decoders saw past the end of a word, padding, is 0 to the projector (ours:
    the official code has none of these decoders).

    Args:
        loss_weight: Weight, > 0 (2 in the official code).
        in_channels: Channels of the glimpses, > 0.
        hidden_channels: Channels of the projector's LSTM per direction, > 0; None: half of
            ``in_channels``, so that the projector is as small as the recogniser (the official code
            has 256 for all).
        out_channels: Channels of the compared vectors, > 0; None: ``in_channels`` (official: 512).
        temperature: Divides the cosines, > 0.
        projector: 'bilstm' (official), 'mlp' or 'identity', see
            :func:`~mmocr_kd.losses.projectors.build_projector`.
        exclude_same_class: Do not push the same character of another place away (extension; in
            the official code it is a negative like any other).

    Raises:
        ValueError: If a field has an unknown or impossible value.
    """

    def __init__(self,
                 loss_weight: float = 2.0,
                 in_channels: int = 512,
                 hidden_channels: int | None = None,
                 out_channels: int | None = None,
                 temperature: float = 0.1,
                 projector: str = 'bilstm',
                 exclude_same_class: bool = False) -> None:
        super().__init__()
        hidden_channels = in_channels // 2 if hidden_channels is None else hidden_channels
        out_channels = in_channels if out_channels is None else out_channels
        for field, value in (('loss_weight', loss_weight), ('in_channels', in_channels),
                             ('hidden_channels', hidden_channels),
                             ('out_channels', out_channels), ('temperature', temperature)):
            require_positive(field, value)
        require_choice('projector', projector, PROJECTORS)
        self.loss_weight = loss_weight
        self.in_channels = in_channels
        self.temperature = temperature
        self.exclude_same_class = exclude_same_class
        self.projector = build_projector(projector, in_channels, hidden_channels, out_channels)

    def forward(self, student: Reading, teacher: Reading, labels: Labels) -> dict[str, Tensor]:
        """Compute the loss from ``glimpses`` of both readings.

        Args:
            student: Its glimpses have shape (N, T, in_channels).
            teacher: Same shapes; gradient flows into the projector only.
            labels: The first ``lengths`` glimpses of each word count, if it is ``aligned``.

        Returns:
            ``loss_semantic``, a scalar, averaged over permutations. A batch without any character
            gives exactly 0 with a gradient of 0.

        Raises:
            ValueError: If shapes or channels do not fit.
        """
        require_readings('glimpses', student.glimpses, teacher.glimpses, labels)
        count = len(student.glimpses)
        with torch.autocast(student.glimpses[0].device.type, enabled=False):
            # All in one call: of an LSTM, more words cost less than more calls.
            glimpses = torch.cat([*student.glimpses, *(g.detach() for g in teacher.glimpses)])
            if labels.last_ends is not None:  # the LSTM would see it, from the other side
                past = ~first_steps(labels.last_ends, glimpses.shape[1])
                glimpses = glimpses.masked_fill(past.repeat(2 * count, 1).unsqueeze(2), 0)
            steps = min(glimpses.shape[1], labels.indexes.shape[1])
            # One wait for a GPU: the cosines of all pairs are quadratic in the characters.
            rows = self._valid(labels, steps).flatten().nonzero().squeeze(1)
            classes = labels.indexes[:, :steps].flatten()[rows] if self.exclude_same_class else None
            weights = None
            if labels.weights is not None:
                weights = labels.weights.unsqueeze(1).expand(-1, steps).flatten()[rows]
            if isinstance(self.projector, BiLSTMProjector):  # a character depends on the others
                chosen = _rows(self._project(glimpses), steps, rows, 2 * count)
            else:
                chosen = self._project(torch.cat(_rows(glimpses, steps, rows, 2 * count))).chunk(
                    2 * count)
            losses = [nt_xent(ours, theirs, self.temperature, classes, weights)
                      for ours, theirs in zip(chosen[:count], chosen[count:])]
            loss = torch.stack(losses).mean()
        return {'loss_semantic': loss * self.loss_weight}

    def _valid(self, labels: Labels, steps: int) -> Tensor:
        valid = first_steps(labels.lengths, steps)
        if labels.aligned is not None:
            valid = valid & labels.aligned.unsqueeze(1)
        return valid if labels.weights is None else valid & (labels.weights > 0).unsqueeze(1)

    def _project(self, glimpses: Tensor) -> Tensor:
        weight = next(self.projector.parameters(), None)
        if weight is None:
            return at_least_float32(glimpses)
        if glimpses.shape[-1] != self.in_channels:
            raise ValueError(f'in_channels={self.in_channels}, but the glimpses have '
                             f'{glimpses.shape[-1]} channels: write that number')
        return at_least_float32(self.projector(glimpses.to(weight.dtype)))


def _rows(vectors: Tensor, steps: int, rows: Tensor, readings: int) -> tuple[Tensor, ...]:
    """Of several readings (readings * N, T, E) those characters that count, (M, E) each."""
    return tuple(part[:, :steps].flatten(0, 1).index_select(0, rows)
                 for part in vectors.chunk(readings))


def nt_xent(student: Tensor, teacher: Tensor, temperature: float,
            classes: Tensor | None = None, weights: Tensor | None = None) -> Tensor:
    """Normalised temperature-scaled cross-entropy (Chen et al., SimCLR, ICML 2020).

    Args:
        student: Shape (M, E).
        teacher: Row i belongs to row i of the student, shape (M, E).
        temperature: Divides the cosines, > 0.
        classes: Rows of the same class are no negatives of each other, shape (M,); None: all are.
        weights: How much each row counts as an anchor, shape (M,); None: all the same.

    Returns:
        The mean over all 2M rows as anchors; 0 if there are none.
    """
    rows = len(student)
    if not rows:
        return student.sum() + teacher.sum()
    # The temperature here and not on the cosines: of those there are many more.
    vectors = unit_vectors(torch.cat([student, teacher])) * temperature**-0.5
    index = torch.arange(2 * rows, device=student.device)
    counterpart = index.roll(rows)
    excluded = index.unsqueeze(1) == index
    if classes is not None:
        classes = classes.repeat(2)
        same = classes.unsqueeze(1) == classes
        excluded = excluded | same & (counterpart.unsqueeze(1) != index)
    cosines = (vectors @ vectors.T).masked_fill(excluded, -torch.inf)
    losses = F.cross_entropy(cosines, counterpart, reduction='none')
    return weighted_mean(losses, None if weights is None else weights.repeat(2))
