"""The same start weights for every arm of a seed."""
from __future__ import annotations

import copy
import io
from pathlib import Path
from typing import Any, Mapping

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import IterBasedTrainLoop, set_random_seed
from mmocr.registry import LOOPS, MODELS

from ...hooks.pairing_hook import start_digest, start_weights
from ...store import write_whole
from ..read_config import class_of
from ..student import initialise


def arms_given_weights(configs: Mapping[str, Config], reference: str) -> set[str]:
    """Arms whose student has the reference's shapes, but would start from other weights.

    So it is where a wrapper builds a teacher or an adaptor before the student: they draw from the
    same generator. Hooks do not; and students of other shapes, or whose config has ``load_from``,
    have weights of their own.

    Args:
        configs: Of all arms.
        reference: Which of them is the one that the others are compared with.

    Raises:
        ValueError, OSError, ImportError: If a model cannot be built.
    """
    first = configs[reference]
    others = {name: cfg for name, cfg in configs.items()
              if cfg.model != first.model and not cfg.get('load_from')}
    if not others or first.get('load_from'):
        return set()
    started = _started(first, 0)
    return {name for name, cfg in others.items() if _would_differ(started, _started(cfg, 0))}


def write_start(reference: Config, seed: int, path: Path) -> None:
    """Write what the reference's student starts from.

    Args:
        reference: Config of the arm that the others are compared with.
        seed: Of the run.
        path: Of the file.
    """
    data = io.BytesIO()
    torch.save({'state_dict': start_weights(_started(reference, seed))}, data)
    write_whole(path, data.getvalue())


def _started(cfg: Config, seed: int) -> Any:
    """The model as MMEngine's runner has it when training starts."""
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    set_random_seed(seed)
    model = MODELS.build(copy.deepcopy(cfg.model))  # MMOCR's decoders write into theirs
    if _is_iter_based(cfg.train_cfg):
        torch.empty((), dtype=torch.long).random_()  # its loop asks for data before weights are set
    initialise(model)
    return model


def _is_iter_based(loop: Any) -> bool:
    kind = class_of(loop, LOOPS) if 'type' in loop else None
    return issubclass(kind, IterBasedTrainLoop) if kind else not loop.get('by_epoch', True)


def _would_differ(one: Any, other: Any) -> bool:
    weights, others = start_weights(one), start_weights(other)
    shapes, other_shapes = ({key: value.shape for key, value in part.items()}
                            for part in (weights, others))
    return shapes == other_shapes and start_digest(one) != start_digest(other)
