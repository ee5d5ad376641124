"""CTC by enumeration of all paths of one word: slow, obvious, for tests."""
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import product

import torch


@dataclass
class Spelling:
    """All paths that spell one label.

    `classes` and `characters` are the mass of paths that emit a class, or a certain character of
    the label, at a frame: (T, C) and (L, T). `best` is the probability of the best path, `owners`
    the character each of its frames belongs to.
    """
    classes: torch.Tensor
    characters: torch.Tensor
    mass: float = 0.
    best: float = -1.
    owners: list = field(default_factory=list)


def spell(path, blank):
    label, owners, previous = [], [], blank
    for c in path:
        if c not in (blank, previous):
            label.append(c)
        owners.append(None if c == blank else len(label) - 1)
        previous = c
    return tuple(label), owners


def all_spellings(probs, blank):
    """Label -> Spelling for probabilities (T, C)."""
    steps, classes = probs.shape
    by_label = defaultdict(list)
    for path in product(range(classes), repeat=steps):
        label, owners = spell(path, blank)
        by_label[label].append((path, owners))
    return {label: add_up(probs, len(label), paths) for label, paths in by_label.items()}


def add_up(probs, length, paths):
    steps = len(probs)
    total = Spelling(torch.zeros_like(probs), probs.new_zeros(length, steps))
    for path, owners in paths:
        p = probs[range(steps), path].prod().item()
        total.mass += p
        for t, (c, owner) in enumerate(zip(path, owners)):
            total.classes[t, c] += p
            if owner is not None:
                total.characters[owner, t] += p
        if p > total.best:
            total.best, total.owners = p, owners
    return total


def pad(labels, width=None, fill=-1):
    """Tuples of classes -> labels (N, L) and lengths (N,)."""
    width = max(map(len, labels)) if width is None else width
    rows = [[*label, *[fill] * (width - len(label))] for label in labels]
    lengths = torch.tensor([len(label) for label in labels])
    return torch.tensor(rows, dtype=torch.long).view(len(labels), width), lengths


def random_words(n, steps, classes, spread=2., dtype=torch.float64):
    """Log-probabilities (N, T, C)."""
    return (torch.randn(n, steps, classes, dtype=torch.float64) * spread).to(dtype).log_softmax(2)
