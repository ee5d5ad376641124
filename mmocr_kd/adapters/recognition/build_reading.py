"""From recordings of two recognisers to readings that can be compared."""
from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Mapping, Sequence

import torch
from torch import Tensor

from ...losses import Labels, Reading, align_labels, character_vectors


def build_reading(recordings: Mapping[str, Tensor], data_samples: Sequence[Any]) -> Reading:
    """Sort what was recorded of one recogniser.

    Args:
        recordings: 'logits', and what is known of 'glimpses', 'visual' and 'attention'; as
            :class:`~mmocr_kd.adapters.recognition.ReadingSources` describes them.
        data_samples: N samples; their ``valid_ratio`` says which part of the width is no padding.
    """
    visual, attention = recordings.get('visual'), recordings.get('attention')
    if attention is not None and visual is not None:
        attention = _valid_only(_as_maps(attention, visual), data_samples)
    return Reading(
        logits=_per_order(recordings['logits']),
        glimpses=_per_order(recordings['glimpses']) if 'glimpses' in recordings else (),
        visual=visual,
        attention=attention)


def first_steps_of(reading: Reading, steps: int | None) -> Reading:
    """Leave out the steps from ``steps`` on, of which a decoder knows nothing; None: none."""
    attention = reading.attention
    return replace(
        reading,
        logits=tuple(logits[:, :steps] for logits in reading.logits),
        glimpses=tuple(glimpses[:, :steps] for glimpses in reading.glimpses),
        attention=None if attention is None else attention[:, :steps])


def align_frames(student: Reading, teacher: Reading,
                 labels: Labels) -> tuple[Reading, Reading, Labels]:
    """Give CTC readings per-character vectors and an attention map.

    CTC decoders see frames, not characters. Frames are averaged by the teacher's posterior of each
    label character (forward-backward), with the same weights in both branches, whose frames
    correspond. Where the teacher reads no blank is where it looks (our choice: the method's
    paper has attention decoders only).

    Args:
        student: With one glimpse per frame.
        teacher: Likewise.
        labels: Of a CTC dictionary.

    Returns:
        Both readings with glimpses of shape (N, L, E), the teacher's with an attention of shape
        (N, 1, 1, T), and the labels with ``aligned``.
    """
    assert labels.blank_idx is not None and labels.frames is not None
    log_probs = teacher.logits[0].log_softmax(-1)
    weights, aligned = align_labels(log_probs, labels.indexes, labels.lengths, labels.frames,
                                    labels.blank_idx)
    looked = 1 - log_probs[..., labels.blank_idx].exp()
    looked = looked * (torch.arange(looked.shape[1], device=looked.device) < labels.frames[:, None])
    return (replace(student, glimpses=_characters(student, weights)),
            replace(teacher, glimpses=_characters(teacher, weights),
                    attention=looked[:, None, None]),
            replace(labels, aligned=aligned))


def _characters(reading: Reading, weights: Tensor) -> tuple[Tensor, ...]:
    return tuple(character_vectors(frames, weights) for frames in reading.glimpses)


def _per_order(recording: Tensor) -> tuple[Tensor, ...]:
    return recording.unbind(0) if recording.dim() == 4 else (recording, )


def _as_maps(attention: Tensor, visual: Tensor) -> Tensor:
    """Unflatten (N, T, h * w) by the proportions of the visual feature (N, D, H, W)."""
    if attention.dim() == 4:
        return attention
    height, width = visual.shape[-2:]
    if visual.dim() != 4 or height * width != attention.shape[-1]:
        raise ValueError(
            f'the attention covers {attention.shape[-1]} positions, the visual feature has shape '
            f'{tuple(visual.shape)}: let visual name the map the decoder looks at')
    return attention.unflatten(-1, (height, width))


def _valid_only(attention: Tensor, data_samples: Sequence[Any]) -> Tensor:
    """Take the attention off the padding; what is left sums to 1 again."""
    ratios = [min(1.0, sample.get('valid_ratio', 1.0)) for sample in data_samples]
    if min(ratios) == 1:
        return attention
    width = attention.shape[-1]
    ends = torch.tensor([math.ceil(width * ratio) for ratio in ratios])
    ends = ends.to(attention.device, non_blocking=True)
    valid = torch.arange(width, device=attention.device) < ends[:, None]
    attention = attention * valid[:, None, None]
    return attention / attention.sum((-2, -1), keepdim=True).clamp(min=1e-12)
