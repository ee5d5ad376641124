"""Whether a config fits converted weights, also in what loading them does not show."""
from __future__ import annotations

from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmocr.registry import MODELS
from torch import nn

from .converted import Converted
from .moves import SHOWN


def misfits(converted: Converted, cfg: Config) -> list[str]:
    """Build a config's model, load the weights strictly, compare settings and classes.

    Args:
        converted: The weights.
        cfg: Config of a plain recogniser. Each setting has to stand in it.

    Returns:
        One line per thing that does not fit; empty if all is well.
    """
    if 'model' not in cfg or 'student' in cfg.model:
        return ['it has no plain recogniser: give the config of the teacher or of the student, '
                'not that of the distillation']
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    model: nn.Module = MODELS.build(cfg.model)
    wrong = [f'{field} is {_field(cfg, field)!r}, these weights need {value!r}'
             for field, value in converted.settings.items() if _field(cfg, field) != value]
    return wrong + _classes(converted, model) + _loading(converted, model)


def _field(cfg: Config, dotted: str) -> Any:
    value: Any = cfg
    for name in dotted.split('.'):
        value = value.get(name) if isinstance(value, dict | Config) else None
    return list(value) if isinstance(value, tuple) else value


def _classes(converted: Converted, model: nn.Module) -> list[str]:
    dictionary: Any = model.get_submodule('decoder').dictionary
    if converted.characters is None:
        return []
    characters = ''.join(dictionary.dict[:len(converted.characters)])
    if characters == converted.characters and dictionary.end_idx == len(characters):
        return []
    return [f'model.decoder.dictionary has the classes {dictionary.dict}, these weights need '
            f'{converted.characters}, then the end']


def _loading(converted: Converted, model: nn.Module) -> list[str]:
    try:
        model.load_state_dict(converted.state_dict)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        more = [f'... and {len(lines) - SHOWN} more'] if len(lines) > SHOWN else []
        return [*lines[:SHOWN], *more]
    return []
