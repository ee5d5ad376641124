"""Random generators of pipeline steps."""
from __future__ import annotations

import random
from typing import Any

import imgaug
import numpy as np
import torch


def generator_for(results: dict[str, Any], seed: int, seed_by_index: bool) -> np.random.Generator:
    """The generator a step uses for one sample.

    Args:
        results: The sample.
        seed: Seed of the step, >= 0.
        seed_by_index: Whether the draw depends on ``seed`` and the sample's place in its data set
            alone, the same in every epoch, process and order. Otherwise it continues NumPy's
            global generator, which MMEngine seeds in each worker.

    Raises:
        KeyError: If the data set does not say which sample it is.
    """
    if not seed_by_index:
        return np.random.default_rng(np.random.randint(2**31, size=4))
    if 'sample_idx' not in results:
        raise KeyError("seed_by_index=True needs 'sample_idx', which MMEngine's data sets give")
    return np.random.default_rng([seed, results['sample_idx']])


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


def next_numbers() -> tuple[float, ...]:
    """Draw one number from each global generator; equal states give equal numbers."""
    return (random.random(), np.random.random(), torch.rand(1).item(),
            imgaug.random.get_global_rng().random_sample(()).item())
