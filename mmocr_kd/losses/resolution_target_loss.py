"""DLD: the choice of a resolution as a classification."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor, nn

from .checks import at_least_float32, require_not_negative, require_positive
from .reading import Labels
from .steps import first_steps, repeat_labels


@MODELS.register_module()
class ResolutionTargetLoss(nn.Module):
    """Teach the selector directly which scales would have been good (our choice).

    DLD trains its selector through the one scale that was drawn. But the student has read the image
    at every scale, so it is known what each would have cost: ``e = accuracy loss + gamma * cost``.
    This is the cross-entropy of the selector's probabilities to ``softmax(-e / temperature)``. Its
    gradient does not vanish when the selector is sure, and an image where little is at stake weighs
    as much as one where much is; of both the original gradient has too much to learn within a few
    hundred iterations that images differ.

    Args:
        temperature: By how much scales may be worse than the best and still be taught, in the units
            of the loss, > 0. Towards 0 only the best is.
        loss_weight: Weight, >= 0.

    Raises:
        ValueError: If a field is out of its range.
    """

    def __init__(self, temperature: float = 0.05, loss_weight: float = 1.0) -> None:
        super().__init__()
        require_positive('temperature', temperature)
        require_not_negative('loss_weight', loss_weight)
        self.temperature = temperature
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, errors: Tensor) -> dict[str, Tensor]:
        """Compare what was chosen with what would have been good.

        Args:
            logits: The selector's, shape (B, K).
            errors: Loss and price of each image at each scale, shape (B, K), finite; no gradient
                flows into it.

        Returns:
            ``loss_res_target``, a scalar, the mean over images.

        Raises:
            ValueError: If the shapes differ.
        """
        if logits.shape != errors.shape:
            raise ValueError(f'logits of shape {tuple(logits.shape)} and errors of '
                             f'{tuple(errors.shape)} differ: expected (B, K) twice')
        with torch.autocast(logits.device.type, enabled=False):
            target = (-at_least_float32(errors.detach()) / self.temperature).softmax(-1)
            loss = F.cross_entropy(at_least_float32(logits), target)
        return {'loss_res_target': loss * self.loss_weight}


def image_errors(candidates: Tensor, labels: Labels, image_index: Tensor,
                 num_images: int) -> Tensor:
    """How badly each image is read at each scale.

    Args:
        candidates: Raw logits of N words at K scales, shape (K, N, T, C).
        labels: Of the words.
        image_index: Image of each word, long, shape (N,).
        num_images: B.

    Returns:
        Shape (B, K): the mean over an image's words of the mean cross-entropy of their characters
        and end token (CTC: of the CTC loss over the length); 0 for images without words.

    Raises:
        ValueError: If CTC labels lack their frames.
    """
    log_probs = at_least_float32(candidates.detach()).log_softmax(-1)
    scales = len(candidates)
    losses = _word_losses(log_probs.flatten(0, 1), repeat_labels(labels, scales))
    losses = losses.view(scales, -1).T  # (N, K)
    totals = losses.new_zeros(num_images, scales).index_add(0, image_index, losses)
    counts = losses.new_zeros(num_images).index_add(0, image_index, torch.ones_like(losses[:, 0]))
    return totals / counts.clamp(min=1)[:, None]


def _word_losses(log_probs: Tensor, labels: Labels) -> Tensor:
    """Of log-probabilities (N, T, C), shape (N,)."""
    if labels.is_ctc:
        return ctc_word_losses(log_probs, labels)
    steps = min(log_probs.shape[1], labels.indexes.shape[1])
    valid = first_steps(labels.lengths, steps)
    nll = -log_probs[:, :steps].gather(2, labels.indexes[:, :steps, None])[..., 0]
    return (nll * valid).sum(1) / valid.sum(1).clamp(min=1)


def ctc_word_losses(log_probs: Tensor, labels: Labels) -> Tensor:
    """CTC loss of each word over its length, 0 where no path spells it.

    Args:
        log_probs: Shape (N, T, C).
        labels: With ``frames``.

    Returns:
        Shape (N,).

    Raises:
        ValueError: If frames are missing.
    """
    if labels.frames is None or labels.blank_idx is None:
        raise ValueError('CTC needs labels.frames: how many frames of each word are valid')
    frames = labels.frames.clamp(max=log_probs.shape[1])
    # PyTorch's gradient is right only behind a log_softmax; here that changes no value.
    log_probs = log_probs.log_softmax(-1).transpose(0, 1)
    losses = F.ctc_loss(log_probs, labels.indexes, frames, labels.lengths, labels.blank_idx,
                        reduction='none', zero_infinity=True)
    return losses / labels.lengths.clamp(min=1)
