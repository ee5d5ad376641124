"""What a run would miss, told before it starts."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Iterable, Iterator, Sequence

from mmengine.config import Config

from ..distill.checkpoint import train_command


def require_files(cfg: Config, loaders: Sequence[str] = (), training: bool = False) -> None:
    """Check that the files of a run are there.

    Looked at are ``load_from``, the annotation files of data sets, and, for training, the
    configs and checkpoints that model and hooks name (teachers, pretrained parts). What is
    fetched from elsewhere ('https://...', 'torchvision://...') is not.

    Args:
        cfg: The run's config.
        loaders: Names of the data loaders that are used, for example 'train_dataloader'.
        training: Whether the run trains, and needs teachers.

    Raises:
        FileNotFoundError: If anything is missing. Each line of the message names a field, its
            file and what to do.
    """
    found = [('load_from', cfg.get('load_from') or '', '')]
    if training:
        found += [found_one for part in ('model', 'custom_hooks')
                  for found_one in _models(cfg.get(part), part)]
    found += [(name, path, _where_data_is(cfg, path, source)) for name in loaders
              for path, source in dict.fromkeys(_annotations(cfg.get(name)))]
    lines = [f'{field}: {path!r} does not exist{hint}' for field, path, hint in found
             if _is_local(path) and not os.path.exists(path)]
    if lines:
        raise FileNotFoundError('\n'.join(lines))


def _train_first(config: Any, path: str) -> str:
    command = f' by "{train_command(config, path)}"' if isinstance(config, str) else ''
    return f': train it first{command}, or say by --cfg-options where it is'


def _models(part: Any, field: str) -> Iterator[tuple[str, str, str]]:
    """Dotted names and paths of checkpoints, and configs beside them, and what to do without."""
    if isinstance(part, dict):
        for key in ('config', 'checkpoint'):
            if 'checkpoint' in part and isinstance(part.get(key), str):
                yield f'{field}.{key}', part[key], _train_first(part.get('config'), part[key])
    for key, value in _members(part):
        yield from _models(value, f'{field}.{key}')


def _members(part: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(part, dict):
        return part.items()
    return enumerate(part) if isinstance(part, (list, tuple)) else ()


def _annotations(part: Any) -> Iterator[tuple[str, str]]:
    """Annotation files of a data loader's config, and what makes them, if it says so."""
    if isinstance(part, dict) and part.get('ann_file'):
        path = os.path.join(part.get('data_root') or '', part['ann_file'])
        yield path, part.get('source') or ''
    for _, value in _members(part):
        yield from _annotations(value)


def _where_data_is(cfg: Config, path: str, source: str) -> str:
    """What to do about missing data: set the variable its path begins with, or make it."""
    for name, root in cfg.env_variables.items():
        if Path(root) in Path(path).parents:
            return (f': set the environment variable {name}, by "export {name}=<folder of this '
                    f'data>" (now {os.environ.get(name, "unset")})')
    if source:
        return f'. It comes from: {source}'
    return ': see docs/data.md, or say by --cfg-options where it is'


def _is_local(path: str) -> bool:
    return bool(path) and '::' not in path and '://' not in path
