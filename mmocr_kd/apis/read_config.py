"""Reading configs of either style, for functions that look into them."""
from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import Registry

from .students import shipped

_VARIABLE = re.compile(r'\{\{\s*\$(\w+)\s*:\s*(\S*?)\s*\}\}')


def read_config(path: str | Path, options: dict[str, Any] | None = None) -> Config:
    """Read a config file; what it says is plain afterwards, whatever its style.

    Configs in pure Python (``with read_base():``) name classes by the objects themselves, which
    cannot be looked up or written to a file. Here such a class is its dotted path, which every
    registry finds. ``env_variables`` has all variables that the file reads, unset ones with their
    default.

    Args:
        path: Of the file, '<package>::<path>' of one that a package installs, or the mere name of
            one that we ship, such as 'masket_dbnet_mbv3.py'.
        options: Fields to replace: dotted name -> value.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or has no such field.
    """
    path = str(path)
    if '::' not in path and not Path(path).is_file():
        path = _named(path)
    cfg = _read(path)
    cfg.merge_from_dict(options or {})
    # MMEngine only notes the variables that are set.
    variables = {**dict(_VARIABLE.findall(cfg.text)), **cfg.env_variables}
    return Config(cfg.to_dict(), filename=cfg.filename, env_variables=variables)


def _named(name: str) -> str:
    """Path of the shipped config of this name, as OpenMIM finds it."""
    found = [path for path in shipped('configs').rglob('*.py')
             if path.name == name and '_base_' not in path.parts]
    if len(found) != 1:
        raise FileNotFoundError(f'config={name!r} does not exist: give the path of a config file, '
                                'or the name of one of ours')
    return str(found[0])


def _read(path: str) -> Config:
    try:
        return get_config(path) if '::' in path else Config.fromfile(path)
    except (OSError, ImportError):
        raise
    except Exception as error:  # configs are code
        line = traceback.extract_tb(error.__traceback__)[-1]
        raise ValueError(f'config={path!r} cannot be read: {type(error).__name__}: {error} '
                         f'({line.filename}, line {line.lineno})') from error


def class_of(part: Any, registry: Registry) -> Any:
    """The class that a part of a config stands for.

    Args:
        part: A dict with ``type``, a name or a class; or an object that is built already.
        registry: Where names are looked up.

    Returns:
        The class, None if its name is unknown.
    """
    if not isinstance(part, dict):
        return type(part)
    kind = part['type']
    return registry.get(kind) if isinstance(kind, str) else kind
