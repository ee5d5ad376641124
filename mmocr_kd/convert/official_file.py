"""Reading the files that the official repositories publish."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .errors import OfficialLayoutError

# KD-LTR's students, Lightning's checkpoints (PARSeq), fastai's (ABINet, MATRN)
WRAPPERS = ('state_dict_G', 'state_dict', 'model')
# DataParallel, Lightning modules
PREFIXES = ('module.', 'model.')


def read_official(path: str | Path) -> dict[str, Tensor]:
    """Read an official checkpoint without running code from it.

    Args:
        path: A bare state dict, or one under 'state_dict_G', 'state_dict' or 'model'; what lies
            beside it (optimizer, epoch) is ignored.

    Returns:
        Official key -> tensor, floating point ones as float32. Prefixes 'module.' and 'model.' are
        taken off if all keys have them.

    Raises:
        OfficialLayoutError: If the file is missing, damaged, asks for code to be run, or holds
            no state dict of finite numbers.
    """
    try:
        content = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many types for a damaged or hostile file
        raise OfficialLayoutError(
            f'{path} cannot be read as weights ({type(error).__name__}: {error})') from error
    state = _without_prefixes(_unwrap(content, path))
    return {key: _checked(key, value, path) for key, value in state.items()}


def _unwrap(content: Any, path: str | Path) -> dict[str, Any]:
    if isinstance(content, dict):
        content = next((content[name] for name in WRAPPERS if name in content), content)
    if not isinstance(content, dict) or not content or not all(isinstance(k, str) for k in content):
        raise OfficialLayoutError(
            f'{path} holds no state dict: expected one at the top or under {", ".join(WRAPPERS)}')
    return content


def _without_prefixes(state: dict[str, Any]) -> dict[str, Any]:
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in state):
            return _without_prefixes({key[len(prefix):]: value for key, value in state.items()})
    return state


def _checked(key: str, value: Any, path: str | Path) -> Tensor:
    if not isinstance(value, Tensor):
        raise OfficialLayoutError(
            f'{path}: {key!r} is a {type(value).__name__}, a state dict holds tensors only')
    if not value.is_floating_point():
        return value
    if not value.isfinite().all():
        raise OfficialLayoutError(f'{path}: {key!r} holds NaN or Inf: take an intact checkpoint')
    return value.float()
