"""Loading a teacher's weights: safely, and all or nothing."""
from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .errors import TeacherCheckpointError


def load_strictly(model: nn.Module, checkpoint: str, config: Any = None) -> None:
    """Load ``checkpoint`` into ``model``, refusing anything but a perfect match.

    Only tensors and the plain types MMEngine writes are unpickled (``weights_only``).

    Args:
        model: Receives the weights.
        checkpoint: Path of an MMEngine checkpoint or a plain state dict, or its http(s) address.
        config: The teacher's config, for the hint when the file is missing.

    Raises:
        FileNotFoundError: If the file does not exist; the message has the training command.
        TeacherCheckpointError: If the file is corrupt or any key or shape differs.
    """
    state = _state_dict(_read(checkpoint, config), checkpoint)
    problems = _differences(model.state_dict(), state)
    if problems:
        raise TeacherCheckpointError(
            f'checkpoint={checkpoint!r} does not fit the teacher {type(model).__name__}:\n'
            + '\n'.join(problems) + '\nGive the config the checkpoint was trained with.')
    model.load_state_dict(state)


def _read(checkpoint: str, config: Any) -> Any:
    if checkpoint.startswith(('http://', 'https://')):
        return torch.hub.load_state_dict_from_url(
            checkpoint, map_location='cpu', weights_only=True)
    path = Path(checkpoint).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            f"the teacher's checkpoint={checkpoint!r} does not exist.{_train_hint(path, config)}")
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many types for a damaged or hostile file
        raise TeacherCheckpointError(
            f"the teacher's checkpoint={checkpoint!r} cannot be read as weights "
            f'({type(error).__name__}: {error})') from error


def _train_hint(path: Path, config: Any) -> str:
    if not isinstance(config, str):
        return ' Train the teacher first, or correct the path.'
    name = config.split('/')[-1] if '::' in config else config
    folder = shlex.quote(str(path.parent))
    return f' Train it first:\n  mim train mmocr {name} --work-dir {folder}'


def _state_dict(loaded: Any, checkpoint: str) -> dict[str, Tensor]:
    state = loaded.get('state_dict', loaded) if isinstance(loaded, dict) else None
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise TeacherCheckpointError(f'checkpoint={checkpoint!r} holds no state dict')
    return {key.removeprefix('module.'): value for key, value in state.items()}


def _differences(wanted: dict[str, Tensor], given: dict[str, Tensor]) -> list[str]:
    lines = [f'  missing: {key}' for key in wanted if key not in given]
    lines += [f'  unexpected: {key}' for key in given if key not in wanted]
    lines += [
        f'  {key}: shape {tuple(given[key].shape)}, the config wants {tuple(wanted[key].shape)}'
        for key in wanted if key in given and wanted[key].shape != given[key].shape
    ]
    return lines
