"""The student alone: out of training checkpoints, into a plain model."""
from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..distill import load_strictly
from ..distill.checkpoint import OF_TRAINING, PEER, SELECTOR
from ..distill.shipped import is_shipped, shipped
from .distillation import student_config


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Load a checkpoint without running code from it.

    Args:
        path: A file that MMEngine's runner or ``tools/export_student.py`` wrote, or the name of
            weights that come with the package (``mmocr_kd://...``).

    Returns:
        Its content; ``state_dict`` is a dict of tensors.

    Raises:
        ValueError: If the file is missing, damaged, or holds no state dict.
    """
    try:
        file = shipped(str(path)) if is_shipped(str(path)) else path
        checkpoint = torch.load(file, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many types for a damaged or hostile file
        raise ValueError(f'{path} cannot be read as a checkpoint: {error}') from error
    state = checkpoint.get('state_dict') if isinstance(checkpoint, dict) else None
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path} holds no 'state_dict': give a checkpoint that training wrote")
    return checkpoint


def student_checkpoint(checkpoint: dict[str, Any],
                       keep_selector: bool = False,
                       peer: bool = False) -> dict[str, Any]:
    """Keep what the plain model needs.

    Args:
        checkpoint: As MMEngine writes it.
        keep_selector: Keep DLD's resolution selector, too, which the plain model lacks.
        peer: Take the second student of a ``MutualDistiller``, not the first.

    Returns:
        ``meta``, and the ``state_dict`` without the adaptors of ``DBNetDistiller``, the
        projectors of ``LowResRecognizerDistiller``, the selector of ``DLDTextSpotter`` and the
        other student of a ``MutualDistiller``.
    """
    meta, whole = checkpoint.get('meta', {}), checkpoint['state_dict']
    if peer:
        return {'meta': meta, 'state_dict': {key.removeprefix(PEER): value for key, value
                                             in whole.items() if key.startswith(PEER)}}
    dropped = tuple(part for part in OF_TRAINING if not (keep_selector and part == SELECTOR))
    state = {key: value for key, value in whole.items() if not key.startswith(dropped)}
    return {'meta': meta, 'state_dict': state}


def load_student(cfg: Config, checkpoint: str | Path) -> nn.Module:
    """Build a config's plain student and load its weights.

    Args:
        cfg: Any model's config, distilling or not.
        checkpoint: Weights; every key has to match.

    Returns:
        The model in eval mode, on the CPU.

    Raises:
        ValueError: If the checkpoint cannot be read or does not fit.
    """
    state = student_checkpoint(read_checkpoint(checkpoint))['state_dict']
    return build_loaded(cfg, student_config(cfg.model), state, checkpoint).eval()


def build_loaded(cfg: Config, model: dict[str, Any], state: dict[str, Tensor],
                 checkpoint: str | Path) -> nn.Module:
    """Build a model and load weights, every key of which has to match.

    Args:
        cfg: Where the model comes from.
        model: Its config; left as it is.
        state: The weights.
        checkpoint: Where they come from.

    Returns:
        The model.

    Raises:
        CheckpointError: If they do not fit.
    """
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    built: nn.Module = MODELS.build(copy.deepcopy(model))  # MMOCR's decoders write into theirs
    load_strictly(built, state, checkpoint, cfg.filename)
    return built


def initialise(model: nn.Module) -> None:
    """Give a model its start weights, as MMEngine's runner does.

    Args:
        model: Of a config, just built.
    """
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('WARNING')  # every tensor would get a line
    model.init_weights()  # type: ignore[operator]
    logger.setLevel(level)
