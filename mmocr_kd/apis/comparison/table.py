"""Files that say what is compared: arms, seeds, and how it is scored."""
from __future__ import annotations

import copy
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Sequence

from mmengine.config import Config

from ...measure.counts import PROTOCOLS
from ...measure.paired import SMALLEST
from ..read_config import read_config

GROUPS = ('dataset', 'source', 'height')
_FIELDS = ('arms', 'seeds', 'reference', 'protocol', 'groups', 'smallest', 'cfg_options',
           'launcher')
_OF_ARM = ('config', 'cfg_options', 'paired', 'launcher')


@dataclass(frozen=True)
class Arm:
    """What is trained with every seed.

    Args:
        name: Of the arm, and of the folder of its runs.
        config: Path of its config, or '<package>::<path>'.
        options: Fields of the config that are replaced: dotted name -> value.
        paired: Whether runs have to see the same images as the reference's.
        processes: In how many a run trains; 1: without a launcher.
    """

    name: str
    config: str
    options: dict[str, Any] = field(default_factory=dict)
    paired: bool = True
    processes: int = 1


@dataclass(frozen=True)
class Table:
    """A comparison; read from a file.

    Args:
        path: Of the file.
        arms: By name, in the order of the file.
        seeds: Of the runs of each arm.
        reference: Name of the arm that the others are compared with.
        protocol: 'detection': hmean of all texts; 'words': share of words read right.
        groups: Kinds of images whose scores are told besides, one of ``GROUPS``; None: those of
            each data set, if there are several.
        smallest: The smallest difference of scores that would matter, > 0.
    """

    path: Path
    arms: dict[str, Arm]
    seeds: Sequence[int]
    reference: str
    protocol: str
    groups: str | None = None
    smallest: float = SMALLEST

    @property
    def name(self) -> str:
        """The file's."""
        return self.path.stem


def read_table(path: str | Path) -> Table:
    """Read a table file.

    Args:
        path: Of a Python file, read as MMEngine reads configs. Fields: ``arms``, a dict of name ->
            ``dict(config=<path, relative to the table file>)``, besides ``cfg_options``,
            ``paired=False`` (trained with other images) and ``launcher=dict(nproc=<processes>)``;
            ``seeds``; ``reference``; ``protocol``. Optional ``groups``, ``smallest``, and
            ``cfg_options`` and ``launcher`` of all arms. Names that begin with an underscore are
            the file's own.

    Raises:
        FileNotFoundError: If the file or a config does not exist.
        ValueError: If a field is missing, unknown, or impossible.
    """
    path = Path(path)
    fields = {key: value for key, value in read_config(path).to_dict().items()
              if not key.startswith('_')}
    _check_fields(path, fields, _FIELDS, ('arms', 'seeds', 'reference', 'protocol'))
    if not isinstance(fields['arms'], dict) or not fields['arms']:
        raise ValueError(f'{path}: arms={fields["arms"]!r} must be a dict of name -> '
                         'dict(config=...)')
    arms = {name: _arm(path, name, arm, fields) for name, arm in fields['arms'].items()}
    _require(path, 'reference', fields['reference'], tuple(arms))
    _require(path, 'protocol', fields['protocol'], PROTOCOLS)
    _require(path, 'groups', fields.get('groups'), (None, *GROUPS))
    return Table(path, arms, _seeds(path, fields['seeds']), fields['reference'],
                 fields['protocol'], fields.get('groups'),
                 _smallest(path, fields.get('smallest', SMALLEST)))


def run_config(cfg: Config, seed: int, folder: Path, start: Path | None = None) -> Config:
    """The whole config of a run.

    Weights that the config starts from (``load_from``) become ``PairingHook(start=...)``: MMEngine
    would take them for a checkpoint to resume from.

    Args:
        cfg: The arm's, as :func:`arm_config` reads it; left as it is.
        seed: Of the run.
        folder: Where it trains.
        start: Weights that the student starts from; None: those that the config says.
    """
    cfg = copy.deepcopy(cfg)
    begin = start or cfg.get('load_from')
    if begin:
        cfg.load_from = None
    pairing = dict(type='PairingHook', **({'start': str(begin)} if begin else {}))
    cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), pairing]
    cfg.randomness = {**(cfg.get('randomness') or {}), 'seed': seed}
    cfg.work_dir = str(folder)
    _import_us(cfg)
    return cfg


def arm_config(arm: Arm) -> Config:
    """Read the config of an arm, with what the table replaces in it.

    Args:
        arm: Which.

    Raises:
        FileNotFoundError, ValueError: If it cannot be read, has no such field, or does not train.
    """
    cfg = read_config(arm.config, arm.options)
    for name in ('model', 'train_cfg', 'train_dataloader', 'val_dataloader', 'val_evaluator'):
        if not cfg.get(name):
            raise ValueError(f'{arm.config} of arm {arm.name!r} has no {name}: a comparison needs '
                             'whole configs, that train and validate')
    return cfg


def _import_us(cfg: Config) -> None:
    """So that a config of MMOCR alone finds the hook."""
    imports = cfg.get('custom_imports') or dict(imports=[], allow_failed_imports=False)
    names = [imports['imports']] if isinstance(imports['imports'], str) else imports['imports']
    if 'mmocr_kd' not in names:
        cfg.custom_imports = {**imports, 'imports': [*names, 'mmocr_kd']}


def _arm(path: Path, name: str, arm: Any, table: dict[str, Any]) -> Arm:
    where = f'arms[{name!r}]'
    if not re.fullmatch(r'\w[\w.+=-]*', name):
        raise ValueError(f'{path}: {where} names a folder: take letters, digits and any of _.+=-')
    if not isinstance(arm, dict):
        raise ValueError(f'{path}: {where}={arm!r} must be dict(config=...)')
    _check_fields(path, arm, _OF_ARM, ('config', ), f' of {where}')
    config = str(arm['config'])
    if '::' not in config:
        config = os.path.normpath(path.parent / config)
        if not os.path.isfile(config):
            raise FileNotFoundError(f'{path}: {where}.config={arm["config"]!r} does not exist: '
                                    'give a path relative to the folder of the table file')
    options = {**(table.get('cfg_options') or {}), **(arm.get('cfg_options') or {})}
    processes = _processes(path, arm.get('launcher', table.get('launcher')))
    return Arm(name, config, options, bool(arm.get('paired', True)), processes)


def _processes(path: Path, launcher: Any) -> int:
    if launcher is None:
        return 1
    number = launcher.get('nproc') if isinstance(launcher, dict) else None
    if type(number) is not int or number < 1 or len(launcher) != 1:
        raise ValueError(f'{path}: launcher={launcher!r} must be dict(nproc=<number of '
                         'processes>), such as dict(nproc=2)')
    return number


def _smallest(path: Path, smallest: Any) -> float:
    if not isinstance(smallest, (int, float)) or not 0 < smallest < 1:
        raise ValueError(f'{path}: smallest={smallest!r} must be a difference of scores between 0 '
                         'and 1, such as 0.02')
    return float(smallest)


def _seeds(path: Path, seeds: Any) -> list[int]:
    sound = isinstance(seeds, (list, tuple)) and all(type(seed) is int and seed >= 0
                                                     for seed in seeds)
    if not sound or not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f'{path}: seeds={seeds!r} must be a list of different integers of 0 or '
                         'more')
    return list(seeds)


def _check_fields(path: Path, given: dict[str, Any], known: Sequence[str],
                  needed: Sequence[str], where: str = '') -> None:
    for name in needed:
        if name not in given:
            raise ValueError(f'{path}: {name}{where} is missing; needed are {", ".join(needed)}')
    for name in given:
        if name not in known:
            raise ValueError(f'{path}: {name}{where} is unknown; known are {", ".join(known)}')


def _require(path: Path, name: str, value: Any, known: Sequence[Any]) -> None:
    if value not in known:
        raise ValueError(f'{path}: {name}={value!r} must be one of '
                         f'{", ".join(map(repr, known))}')
