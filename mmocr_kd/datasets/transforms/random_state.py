"""Random generators of pipeline steps."""
from __future__ import annotations

import random
import warnings
from hashlib import blake2b
from typing import Any

import imgaug
import numpy as np
import torch
from mmengine import fileio


class SampleDraws:
    """Where a step takes its random numbers for a sample from.

    Args:
        step: Name of the step; steps that share a seed still draw independently.
        seed: Seed of the step, an integer >= 0.
        by_image: Whether the draw depends on step, seed and image alone: on what the image's file
            holds, wherever it lies, or on its pixels where it has no file. Then it is the same in
            every epoch, process, order, split and machine. Otherwise it continues NumPy's global
            generator, which MMEngine seeds in each worker.
        by_index: Former name of ``by_image``; None if it is not used.

    Raises:
        ValueError: If ``seed`` is negative.
    """

    def __init__(self, step: str, seed: int, by_image: bool, by_index: bool | None) -> None:
        if seed < 0:
            raise ValueError(f'seed={seed} must not be negative')
        if by_index is not None:
            warnings.warn(f'{step}.seed_by_index is now called seed_by_image, and draws by the '
                          'image in place of its position', DeprecationWarning, stacklevel=3)
            by_image = by_index
        self.step, self.seed, self.by_image = step, seed, by_image

    def generator(self, results: dict[str, Any]) -> np.random.Generator:
        """The generator for one sample.

        Args:
            results: The sample, with ``img`` and, if it comes from a file, ``img_path``.
        """
        if not self.by_image:
            return np.random.default_rng(np.random.randint(2**31, size=4))
        digest = blake2b(f'{self.step} {self.seed} '.encode(), digest_size=16)
        digest.update(_content(results))
        return np.random.default_rng(int.from_bytes(digest.digest(), 'little'))


def _content(results: dict[str, Any]) -> bytes:
    try:
        if results.get('img_path'):
            return fileio.get(results['img_path'])
    except OSError:
        pass  # a name that was made up, for an image that came as an array
    return np.ascontiguousarray(results['img']).tobytes()


def global_state() -> tuple[Any, ...]:
    """States of the global generators that MMOCR's, MMCV's and torchvision's transforms use."""
    rng = imgaug.random.get_global_rng()  # first: when made, it draws its seed from NumPy
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), rng.state


def restore_global_state(state: tuple[Any, ...]) -> None:
    """Set the global generators back.

    Args:
        state: What :func:`global_state` returned.
    """
    random.setstate(state[0])
    np.random.set_state(state[1])
    torch.set_rng_state(state[2])
    imgaug.random.get_global_rng().set_state_(state[3])


def seed_global_generators(*numbers: int) -> None:
    """Seed the same generators.

    Args:
        numbers: Any integers; the same ones give the same draws on every machine.
    """
    digest = blake2b(repr(numbers).encode(), digest_size=4).digest()
    seed = int.from_bytes(digest, 'little')
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    imgaug.random.seed(seed)


def next_numbers() -> tuple[float, ...]:
    """Draw one number from each global generator; equal states give equal numbers."""
    return (random.random(), np.random.random(), torch.rand(1).item(),
            imgaug.random.get_global_rng().random_sample(()).item())
