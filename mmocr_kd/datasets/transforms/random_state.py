"""Random generators of pipeline steps."""
from __future__ import annotations

from typing import Any

import numpy as np


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
