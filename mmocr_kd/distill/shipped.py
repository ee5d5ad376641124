"""Weights that come inside the package: ``mmocr_kd://<name>``, wherever MMEngine takes a path."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader

PREFIX = 'mmocr_kd://'
_FOLDER = Path(__file__).parents[1] / 'weights'


def is_shipped(checkpoint: str) -> bool:
    """Whether ``checkpoint`` names weights of this package."""
    return checkpoint.startswith(PREFIX)


def shipped(checkpoint: str) -> Path:
    """Find weights of this package; ``mmocr_kd/weights/README.md`` says what they are.

    Args:
        checkpoint: ``mmocr_kd://`` and the name of a file there, without ``.pth``.

    Raises:
        FileNotFoundError: If there are none of that name, listing those there are.
    """
    path = _FOLDER / f'{checkpoint.removeprefix(PREFIX)}.pth'
    if not path.is_file():
        names = [PREFIX + found.stem for found in sorted(_FOLDER.glob('*.pth'))]
        raise FileNotFoundError(f'checkpoint={checkpoint!r} does not exist; this package has '
                                f'{names}')
    return path


@CheckpointLoader.register_scheme(prefixes=PREFIX)
def load_from_mmocr_kd(filename: str, map_location: Any = None) -> Any:
    """Load them for MMEngine: ``load_from``, ``Pretrained``, ``mim test --checkpoint``.

    Args:
        filename: See :func:`shipped`.
        map_location: See :func:`torch.load`.
    """
    return torch.load(shipped(filename), map_location=map_location, weights_only=True)
