"""What a run got right in each image of a split, at each score threshold."""
from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ..store.files import write_whole

PROTOCOLS = ('detection', 'words')


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of M images at T score thresholds. Sums over images say what a score is made of.

    Args:
        thresholds: (T, ) of scores, ascending.
        hits: (M, T) predictions that match a ground truth.
        preds: (M, T) predictions.
        gts: (M, ) ground truths.
        names: (M, ) that tell the images apart; of one order in all runs of a split.
        groups: (M, ) names of the kinds of images, if scores of each kind are wanted.

    Raises:
        ValueError: If the shapes do not fit, or counts are impossible: negative, more hits than
            predictions or ground truths.
    """

    thresholds: np.ndarray
    hits: np.ndarray
    preds: np.ndarray
    gts: np.ndarray
    names: np.ndarray
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        images, steps = len(self.gts), len(self.thresholds)
        shapes = dict(thresholds=(steps, ), hits=(images, steps), preds=(images, steps),
                      gts=(images, ), names=(images, ))
        if self.groups is not None:
            shapes['groups'] = (images, )
        for field, shape in shapes.items():
            if getattr(self, field).shape != shape:
                raise ValueError(f'{field} has shape {getattr(self, field).shape}, expected '
                                 f'{shape}: {images} images (gts), {steps} thresholds')
        if not images or not steps:
            raise ValueError(f'counts of {images} images at {steps} thresholds: at least one of '
                             'each is needed')
        most = np.minimum(self.preds, self.gts[:, None])
        wrong = np.flatnonzero(((self.hits < 0) | (self.hits > most)).any(1))
        if len(wrong):
            raise ValueError(f"hits of image '{self.names[wrong[0]]}' are {self.hits[wrong[0]]}, "
                             'but must be at least 0 and at most its preds '
                             f'{self.preds[wrong[0]]} and gts {self.gts[wrong[0]]}')

    @classmethod
    def load(cls, path: str | Path) -> Counts:
        """Read what :meth:`save` wrote.

        Args:
            path: Of the file.

        Raises:
            OSError: If it cannot be read.
            ValueError: If it is damaged, or holds no counts.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls(**file)
        except (BadZipFile, EOFError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f'{path} holds no counts of a split ({error}): remove it, and it is '
                             'made again') from error

    def save(self, path: str | Path) -> None:
        """Write them, as a whole or not at all.

        Args:
            path: Of the file, by custom ``counts_<split>.npz``.

        Raises:
            OSError: If it cannot be written.
        """
        fields = {key: value for key, value in vars(self).items() if value is not None}
        data = io.BytesIO()
        np.savez_compressed(data, **fields)
        write_whole(Path(path), data.getvalue())

    def at(self, step: int) -> Counts:
        """Those at one threshold.

        Args:
            step: Position of the threshold, 0 to T - 1.
        """
        one = slice(step, step + 1)
        return Counts(self.thresholds[one], self.hits[:, one], self.preds[:, one], self.gts,
                      self.names, self.groups)

    def part(self, images: np.ndarray) -> Counts:
        """Those of some images.

        Args:
            images: (M, ) booleans, or positions.
        """
        groups = None if self.groups is None else self.groups[images]
        return Counts(self.thresholds, self.hits[images], self.preds[images], self.gts[images],
                      self.names[images], groups)

    def stacked(self) -> np.ndarray:
        """(M, T, 3): hits, predictions, ground truths."""
        gts = np.broadcast_to(self.gts[:, None], self.hits.shape)
        return np.stack([self.hits, self.preds, gts], -1)


def score(sums: np.ndarray, protocol: str) -> np.ndarray:
    """The score that a protocol looks at, 0 to 1; 0 where there is nothing to score.

    Args:
        sums: (..., 3) hits, predictions and ground truths, each summed over images.
        protocol: 'detection': hmean, which is 2 hits / (predictions + ground truths); 'words':
            the share of words that were read, hits / ground truths.

    Raises:
        ValueError: If there is no such protocol.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f'protocol={protocol!r} must be one of {PROTOCOLS}')
    hits, preds, gts = np.moveaxis(sums, -1, 0)
    return share(2 * hits, preds + gts) if protocol == 'detection' else share(hits, gts)


def share(part: np.ndarray, whole: np.ndarray | int) -> np.ndarray:
    """Their ratio; 0 where there is no whole.

    Args:
        part: Numbers of any shape.
        whole: Of the same shape, or one of all.
    """
    return part / np.maximum(whole, np.finfo(float).tiny)


def best_threshold(counts: Counts, protocol: str) -> int:
    """Position of the threshold with the best score; of several, the middle one.

    The middle is farthest from where the score falls. Between two, the lower. Our choice.

    Args:
        counts: Of a validation split.
        protocol: See :func:`score`.

    Raises:
        ValueError: If there is no such protocol.
    """
    return middle_of_best(score(counts.stacked().sum(0), protocol))


def middle_of_best(scores: np.ndarray) -> int:
    """Position of the best score; of several, the middle one, of two in the middle the first.

    Args:
        scores: At rising thresholds, shape (T, ).
    """
    best = np.flatnonzero(scores == scores.max())
    return int(best[(len(best) - 1) // 2])
