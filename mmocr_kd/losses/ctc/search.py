"""The most probable labels of a CTC recogniser: prefix beam search, all words at once.

A label's probability is the sum over its paths; the search therefore keeps prefixes of labels, not
of paths, with the mass of the paths that end in a blank apart from the rest (Graves, PhD thesis
2008, section 7.5.2).
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..steps import NEVER
from .lattice import end_with_blanks

# A prefix is known by a 64-bit key: key(prefix + class) = key(prefix) * FACTOR + class + 1, modulo
# 2^64. Comparing keys instead of contents is exact but for collisions (odds near 1e-15 a batch).
FACTOR = 0x2545F4914F6CDD1D
EMPTY_KEY, NO_KEY = 1, 0


@dataclass(frozen=True)
class ReadLabels:
    """The best K labels of N words, best first.

    Args:
        indexes: Classes of the characters, padded with the blank, long, shape (N, K, L); L is the
            length of the longest label here.
        lengths: Characters of each label, long, shape (N, K).
        log_probs: Log-probability the search found, a lower bound that misses paths through
            prefixes not kept, shape (N, K); -inf where there are fewer than K labels.
    """

    indexes: Tensor
    lengths: Tensor
    log_probs: Tensor


class _Prefixes(NamedTuple):
    """K prefixes of N words, all fields of shape (N, K).

    Slots without mass are empty, whatever their other fields say.

    Args:
        blank: Log-mass of the paths that end in a blank.
        character: Log-mass of the paths that end in the last character.
        key: Which prefix it is.
        parent: Key of the prefix without its last character.
        last: Class of the last character; the blank for the empty prefix.
        source: Slot, one frame before, of the prefix it was or grew from.
        added: Class of the character it grew by in this frame; the blank if it did not.
    """

    blank: Tensor
    character: Tensor
    key: Tensor
    parent: Tensor
    last: Tensor
    source: Tensor
    added: Tensor

    @property
    def mass(self) -> Tensor:
        """Log-mass of all paths, shape (N, K)."""
        return self.blank.logaddexp(self.character)


@torch.no_grad()
def best_labels(log_probs: Tensor, frames: Tensor, blank_idx: int, num_labels: int,
                beam_width: int | None = None, branch: int = 8) -> ReadLabels:
    """Find the most probable labels.

    Exact if ``beam_width`` and ``branch`` suffice to keep every prefix that matters; equal
    prefixes are always merged.

    Args:
        log_probs: Log-probabilities of the classes at each frame, shape (N, T, C).
        frames: Valid frames of each word, long, shape (N,); more than T counts as T.
        blank_idx: Class of the blank.
        num_labels: How many labels to return, K >= 1.
        beam_width: Prefixes kept after each frame, >= ``num_labels``; None: twice as many, but
            at least 16.
        branch: How many characters of a frame, the most probable ones, may start new prefixes,
            >= 1; more than there are means all.

    Returns:
        The labels, without gradient.

    Raises:
        ValueError: If shapes do not fit together or a number is out of its range.
    """
    width = max(16, 2 * num_labels) if beam_width is None else beam_width
    _check(log_probs, frames, blank_idx, num_labels, width, branch)
    log_probs = end_with_blanks(log_probs, frames, blank_idx)
    characters = log_probs.clone()
    characters[..., blank_idx] = NEVER
    choices = characters.topk(min(branch, log_probs.shape[2] - 1), 2)
    prefixes, history = _empty_prefixes(log_probs, width, blank_idx), []
    for scores, best, classes in zip(log_probs.unbind(1), *(part.unbind(1) for part in choices)):
        stay, grow = _stay(prefixes, scores, blank_idx), _grow(prefixes, best, classes)
        prefixes = _keep(width, stay, grow)
        history.append(prefixes)
    mass, slots = prefixes.mass.topk(num_labels, 1)
    grown = _follow(history, slots).masked_fill((mass == NEVER)[:, :, None], blank_idx)
    lengths = (grown != blank_idx).sum(2)
    order = (grown == blank_idx).to(torch.uint8).argsort(dim=2, stable=True)
    labels = grown.gather(2, order)
    if labels.device.type == 'cpu':  # elsewhere asking for the length costs more than its padding
        labels = labels[:, :, :int(lengths.max())]
    return ReadLabels(labels, lengths, mass)


def _empty_prefixes(log_probs: Tensor, width: int, blank_idx: int) -> _Prefixes:
    """Before the first frame: the empty prefix, and empty slots."""
    shape = len(log_probs), width
    never = log_probs.new_full(shape, NEVER)
    certain = never.clone()
    certain[:, 0] = 0
    key = torch.full(shape, EMPTY_KEY, device=log_probs.device)
    none = torch.full_like(key, blank_idx)
    return _Prefixes(certain, never, key, torch.full_like(key, NO_KEY), none, none, none)


def _stay(prefixes: _Prefixes, scores: Tensor, blank_idx: int) -> _Prefixes:
    """Prefixes unchanged: a blank, the last character again, or their parent grown into them."""
    mass = prefixes.mass
    is_parent = prefixes.parent[:, :, None] == prefixes.key[:, None]
    is_parent &= (mass > NEVER)[:, :, None]
    same_last = prefixes.last[:, :, None] == prefixes.last[:, None]
    # The same character twice needs a blank between.
    arriving = torch.where(same_last, prefixes.blank[:, None], mass[:, None])
    arriving = arriving.masked_fill(~is_parent, NEVER).amax(2)
    character = scores.gather(1, prefixes.last) + prefixes.character.logaddexp(arriving)
    slots = torch.arange(mass.shape[1], device=mass.device).expand(mass.shape)
    return prefixes._replace(blank=mass + scores[:, blank_idx, None], character=character,
                             source=slots, added=torch.full_like(slots, blank_idx))


def _grow(prefixes: _Prefixes, best: Tensor, classes: Tensor) -> _Prefixes:
    """Prefixes with one more character, K x B of them; those that exist already have no mass.

    ``classes``, shape (N, B), may grow them, with log-probabilities ``best``.
    """
    width, branch = prefixes.key.shape[1], classes.shape[1]
    old = _Prefixes(*(field.repeat_interleave(branch, 1) for field in prefixes))
    added = classes.repeat(1, width)
    character = best.repeat(1, width) + torch.where(added == old.last, old.blank, old.mass)
    key = old.key * FACTOR + added + 1
    existing = prefixes.key.masked_fill(prefixes.mass == NEVER, NO_KEY)
    exists = (key[:, :, None] == existing[:, None]).any(2)
    slots = torch.arange(width, device=key.device).repeat_interleave(branch).expand(key.shape)
    return _Prefixes(torch.full_like(character, NEVER), character.masked_fill(exists, NEVER), key,
                     old.key, added, slots, added)


def _keep(width: int, stay: _Prefixes, grow: _Prefixes) -> _Prefixes:
    """The best ``width`` of both."""
    candidates = _Prefixes(*(torch.cat(pair, 1) for pair in zip(stay, grow)))
    best = candidates.mass.topk(width, 1).indices
    return _Prefixes(*(field.gather(1, best) for field in candidates))


def _follow(history: list[_Prefixes], slots: Tensor) -> Tensor:
    """What the prefixes in ``slots``, shape (N, K), grew by in each frame, shape (N, K, T)."""
    added = []
    for prefixes in reversed(history):
        added.append(prefixes.added.gather(1, slots))
        slots = prefixes.source.gather(1, slots)
    return torch.stack(added[::-1], 2)


def _check(log_probs: Tensor, frames: Tensor, blank_idx: int, num_labels: int, beam_width: int,
           branch: int) -> None:
    if log_probs.dim() != 3 or frames.shape != log_probs.shape[:1]:
        raise ValueError(f'log_probs has shape {tuple(log_probs.shape)} and frames '
                         f'{tuple(frames.shape)}, expected (N, T, C) and (N,)')
    if not 0 <= blank_idx < log_probs.shape[2]:
        raise ValueError(f'blank_idx={blank_idx} is no class: there are {log_probs.shape[2]}')
    if not 1 <= num_labels <= beam_width:
        raise ValueError(f'num_labels={num_labels} must be in 1..beam_width={beam_width}')
    if branch < 1:
        raise ValueError(f'branch={branch} must be >= 1')
