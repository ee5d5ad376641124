"""Information entropy of two-class probabilities, from logits."""
import math

import torch.nn.functional as F
from torch import Tensor


def binary_entropy(logits: Tensor) -> Tensor:
    """Entropy of ``sigmoid(logits)`` in bits.

    Equal to ``-(p log2 p + (1 - p) log2(1 - p))``, eq. (2) of the MaskET paper, but written as
    a sum of non-negative terms: nothing cancels, nothing is clamped and no logarithm of zero
    occurs, so value and gradient are finite for every finite logit.

    Args:
        logits: Any shape, float32 or wider.

    Returns:
        Same shape, in [0, 1]: 1 where the logit is 0 (unsure), towards 0 where it is large (sure).
    """
    magnitude = logits.abs()
    nats = F.softplus(-magnitude) + magnitude * (-magnitude).sigmoid()
    return nats / math.log(2)


def binary_kl(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence ``KL(teacher || student)`` of two-class predictions.

    Hinton's soft-target loss for two classes, computed from log-sigmoids and scaled by ``T^2``
    so that gradients keep their size when the temperature changes.

    Args:
        student_logits: Any shape, float32 or wider.
        teacher_logits: Same shape.
        temperature: Divides both logits, > 0.

    Returns:
        Same shape, >= 0, in nats times ``T^2``.
    """
    student, teacher = student_logits / temperature, teacher_logits / temperature
    text = teacher.sigmoid() * (F.logsigmoid(teacher) - F.logsigmoid(student))
    rest = (-teacher).sigmoid() * (F.logsigmoid(-teacher) - F.logsigmoid(-student))
    return (text + rest) * temperature**2
