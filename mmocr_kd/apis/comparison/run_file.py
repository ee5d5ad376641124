"""The config of a run as a file: written, found again, compared."""
from __future__ import annotations

from pathlib import Path
from pprint import pformat
from typing import Any, Iterator, Sequence

from mmengine.config import Config

_OF_COMMAND = ('work_dir', 'launcher', 'resume')  # train.py writes them into the config


def config_text(cfg: Config) -> str:
    """What MMEngine would write, without the seconds that it takes for beauty.

    Args:
        cfg: Without anything but Python's own types.
    """
    return ''.join(f'{key} = {pformat(value, sort_dicts=False)}\n'
                   for key, value in cfg.to_dict().items())


def read_first(paths: Sequence[Path]) -> Config | None:
    """The first config that is there, and whole.

    Args:
        paths: Of configs.
    """
    for path in paths:
        try:
            return Config.fromfile(path)
        except Exception:  # whatever half a file makes Python say
            continue
    return None


def require_same(path: Path, there: Config, wanted: Config) -> None:
    """Make sure that two configs are of the same training.

    Args:
        path: Where the one lies, for the message.
        there: The one.
        wanted: The other.

    Raises:
        ValueError: If they differ, naming the fields.
    """
    found = list(_differences(_plain(there.to_dict()), _plain(wanted.to_dict())))
    if found:
        more = [f'... and {len(found) - 5} more'] if len(found) > 5 else []
        raise ValueError('\n  '.join([
            f'{path} is of another training than the table says now:', *found[:5], *more])
            + '\nRestore the table (environment variables that configs read count, too), give '
              'another --out, or remove the folder to train anew')


def _differences(there: Any, wanted: Any, name: str = '') -> Iterator[str]:
    if isinstance(there, dict) and isinstance(wanted, dict):
        for key in sorted({**there, **wanted}, key=str):
            if f'{name}{key}' not in _OF_COMMAND:
                yield from _differences(there.get(key), wanted.get(key), f'{name}{key}.')
    elif (isinstance(there, list) and isinstance(wanted, list) and len(there) == len(wanted)):
        for index, pair in enumerate(zip(there, wanted)):
            yield from _differences(*pair, f'{name}{index}.')
    elif there != wanted:
        yield f'{name[:-1]}: {_short(there)} in the folder, {_short(wanted)} in the table'


def _plain(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _plain(value) for key, value in part.items()}
    return [_plain(value) for value in part] if isinstance(part, (list, tuple)) else part


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 80 else f'{text[:76]}...'
