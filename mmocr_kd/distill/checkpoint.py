"""Reading a model's weights safely, and loading them all or not at all."""
from __future__ import annotations

import logging
import os
import shlex
from pathlib import Path
from typing import Any, Mapping

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from .download import download, is_address
from .errors import CheckpointError
from .shipped import is_shipped, shipped

# What distilling wrappers keep beside the student; without them it is of no use.
PEER, SELECTOR = 'peer.', 'selector.'
OF_TRAINING = ('adaptors.', 'losses.', PEER, SELECTOR)


def read_weights(checkpoint: str | os.PathLike[str], config: Any = None) -> dict[str, Tensor]:
    """Read a state dict without running code from it (``weights_only``).

    Args:
        checkpoint: An MMEngine checkpoint or a plain state dict: its path, its http(s) address,
            ``mmocr_kd://<name>`` for one that this package brings, or the folder of a training,
            whose last checkpoint counts.
        config: The model's config, for the hint when the file is missing.

    Returns:
        Key -> tensor on the CPU, without the prefixes of DDP and ``torch.compile``.

    Raises:
        FileNotFoundError: If the file does not exist; the message has the training command.
        CheckpointError: If it is damaged, or holds no state dict.
    """
    name, path = os.fspath(checkpoint), weights_file(checkpoint, config)
    try:
        loaded = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many types for a damaged or hostile file
        raise CheckpointError(f'checkpoint={name!r} cannot be read as weights from {path} '
                              f'({type(error).__name__}: {error})') from error
    return _state_dict(loaded, name)


def weights_file(checkpoint: str | os.PathLike[str], config: Any = None) -> Path:
    """The file that a checkpoint stands for; fetched, if it is an address.

    Args:
        checkpoint: See :func:`read_weights`.
        config: Likewise.

    Raises:
        FileNotFoundError, CheckpointError: Likewise.
    """
    name = os.fspath(checkpoint)
    if is_shipped(name):
        return shipped(name)
    return download(name) if is_address(name) else _existing(name, config)


def load_strictly(model: nn.Module, state: Mapping[str, Tensor],
                  checkpoint: str | os.PathLike[str], config: str | None = None) -> None:
    """Load weights, refusing anything but a perfect match.

    Buffers that the model computes itself need not be there. Where they are, as in MMOCR's files
    of 2022 (``data_preprocessor.mean``), the config counts, as in MMEngine; one that says something
    else is warned of. What distilling wrappers add to a student's checkpoint is left out.

    Args:
        model: Receives the weights.
        state: Key -> tensor.
        checkpoint: Where they come from.
        config: Where the model comes from, for the message.

    Raises:
        CheckpointError: If any key or shape differs, listing them.
    """
    wanted, computed = model.state_dict(), dict(model.named_buffers())
    given = {key: value for key, value in state.items()
             if key in wanted or not key.startswith(OF_TRAINING)}
    problems = _differences(wanted, given, computed)
    if problems:
        raise CheckpointError(
            f'checkpoint={os.fspath(checkpoint)} does not fit {type(model).__name__}'
            f'{f" of {config}" if config else ""}:\n' + '\n'.join(problems)
            + '\nGive the config the checkpoint was trained with.')
    unsaved = {key: value for key, value in computed.items() if key not in wanted}
    _warn_of_other_values(given, unsaved, checkpoint)
    model.load_state_dict({key: given[key] for key in wanted})


def _existing(checkpoint: str, config: Any) -> Path:
    path = Path(checkpoint).expanduser()
    if path.is_dir():
        return _last_of(path)
    if not path.is_file():
        raise FileNotFoundError(f'checkpoint={checkpoint!r} does not exist.'
                                f'{_train_hint(path, config)}')
    return path


def _last_of(folder: Path) -> Path:
    """MMEngine notes the last checkpoint's path as it was then: the folder may have moved."""
    note = folder / 'last_checkpoint'
    last = folder / Path(note.read_text().strip()).name if note.is_file() else None
    if last is None or not last.is_file():
        raise FileNotFoundError(
            f"checkpoint={str(folder)!r} is a folder without "
            f"{'a note last_checkpoint' if last is None else f'its last checkpoint {last.name}'}: "
            'give the path of a file, or the work_dir of a training that saved one')
    return last


def _train_hint(path: Path, config: Any) -> str:
    if not isinstance(config, str):
        return ' Train that model first, or correct the path.'
    return f' Train it first:\n  {train_command(config, path)}'


def train_command(config: str, checkpoint: str | os.PathLike[str]) -> str:
    """What makes a checkpoint.

    Args:
        config: Path of its config, or ``mmocr::`` path.
        checkpoint: Path it shall have.
    """
    name = config.split('/')[-1] if '::' in config else config
    return f'mim train mmocr {name} --work-dir {shlex.quote(str(Path(checkpoint).parent))}'


def _state_dict(loaded: Any, checkpoint: str) -> dict[str, Tensor]:
    state = loaded.get('state_dict', loaded) if isinstance(loaded, dict) else None
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(f'checkpoint={checkpoint!r} holds no state dict')
    plain = {key.replace('_orig_mod.', '').removeprefix('module.'): value
             for key, value in state.items()}
    if len(plain) != len(state):
        raise CheckpointError(f'checkpoint={checkpoint!r} holds keys twice, with and without the '
                              'prefixes module. (DDP) or _orig_mod. (torch.compile)')
    return plain


def _differences(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor],
                 computed: Mapping[str, Tensor]) -> list[str]:
    missing = [f'  missing: {key}' for key in wanted if key not in given]
    extra = [f'  unexpected: {key}' for key in given if key not in wanted and key not in computed]
    shapes = [
        f'  {key}: shape {tuple(given[key].shape)}, the config wants {tuple(wanted[key].shape)}'
        for key in wanted if key in given and wanted[key].shape != given[key].shape
    ]
    return [line for kind in (missing, extra, shapes) for line in _brief(kind)]


def _warn_of_other_values(given: Mapping[str, Tensor], computed: Mapping[str, Tensor],
                          checkpoint: str | os.PathLike[str]) -> None:
    for key in computed.keys() & given.keys():
        if not _agree(given[key], computed[key]):
            print_log(f'checkpoint={os.fspath(checkpoint)} has {key}={_values(given[key])}, the '
                      f'config says {_values(computed[key])}, and counts: is it the config that '
                      'the checkpoint was trained with?', 'current', logging.WARNING)


def _agree(given: Tensor, computed: Tensor) -> bool:
    return given.shape == computed.shape and torch.allclose(
        given.double(), computed.cpu().double(), rtol=1e-4, atol=1e-4)


def _values(buffer: Tensor) -> str:
    shown = ', '.join(f'{value:g}' for value in buffer.flatten()[:4].tolist())
    return f'[{shown}{", ..." if buffer.numel() > 4 else ""}]'


def _brief(lines: list[str], most: int = 5) -> list[str]:
    more = [f'  ... and {len(lines) - most} more'] if len(lines) > most else []
    return lines[:most] + more
