"""A student as a plain checkpoint, and the config to test it with."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from torch import Tensor

from ..deployment import deployed_config
from ..own_files import require_own_checkpoint, require_own_text, save_checkpoint, save_text
from ..student import build_loaded, read_checkpoint, student_checkpoint

WRITER = 'export_student'
HEAD = f'# Written by {WRITER}.py of mmocr_kd; it may be replaced by it.'


@dataclass
class Plain:
    """A student that becomes a checkpoint.

    Attributes:
        student: ``meta`` and ``state_dict`` of the plain model.
        cfg: What tests it and needs no teacher; None if none was wanted.
        dropped: How many tensors were the training's alone.
    """

    student: dict[str, Any]
    cfg: Config | None
    dropped: int

    def save(self, out: Path) -> None:
        """Write the checkpoint, and the config beside it.

        Raises:
            FileExistsError: If something that this did not write is there.
        """
        save_checkpoint(self.student, out, WRITER)
        if self.cfg is not None:
            save_text(self.cfg.pretty_text, out.with_suffix('.py'), HEAD)

    def told(self, out: Path, before: int) -> list[str]:
        """What :meth:`save` wrote.

        Args:
            out: Where.
            before: Bytes of the training's checkpoint.
        """
        lines = [f'wrote {out}: kept {len(self.student["state_dict"])} tensors, dropped '
                 f'{self.dropped} of the training, {out.stat().st_size / 1e6:.2f} MB instead of '
                 f'{before / 1e6:.2f} MB']
        if self.cfg is not None:
            lines.append(f'wrote {out.with_suffix(".py")}: tests it, needs no teacher')
        return lines


def export_plain(checkpoint: str | Path, out: Path, cfg: Config | None = None,
                 with_selector: bool = False, peer: bool = False, half: bool = False) -> Plain:
    """Read and strip; nothing is written yet.

    Args:
        checkpoint: What a training wrote.
        out: Where it will be written.
        cfg: The training's config, if a config is wanted.
        with_selector: Of DLD, keep the selector in front of the student.
        peer: Of a ``MutualDistiller``, take the second student.
        half: Weights in half precision.

    Raises:
        OSError: If a file is missing, or one that this did not write is in the way.
        ValueError: If anything cannot be read, there is no student or no selector to keep, or
            config and weights do not fit.
    """
    require_own_checkpoint(out, WRITER)
    whole = read_checkpoint(checkpoint)
    student = student_checkpoint(whole, with_selector, peer)
    _require_student(checkpoint, whole, student['state_dict'], with_selector, peer)
    if half:
        student['state_dict'] = halved(student['state_dict'])
    if cfg is not None:
        require_own_text(out.with_suffix('.py'), HEAD)
        cfg = deployed_config(cfg, with_selector, peer)
        build_loaded(cfg, cfg.model, student['state_dict'], checkpoint)
    return Plain(student, cfg, len(whole['state_dict']) - len(student['state_dict']))


def _require_student(checkpoint: str | Path, whole: dict[str, Any], state: dict[str, Tensor],
                     with_selector: bool, peer: bool) -> None:
    if peer and not state:
        raise ValueError(f'{checkpoint} has no second student: drop --peer')
    if not state:
        raise ValueError(f'{checkpoint} holds no weights of a student: its '
                         f'{len(whole["state_dict"])} tensors, such as '
                         f'{next(iter(whole["state_dict"]))!r}, are all of the training alone')
    if with_selector and not any(key.startswith('selector.') for key in state):
        raise ValueError(f'{checkpoint} has no selector: drop --with-selector')


def halved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Floating tensors in half precision, but for those that hold more than it can say (65,504).

    Args:
        state: Weights by name.
    """
    small = {key: value.half() for key, value in state.items() if value.is_floating_point()}
    return {**state, **{key: value for key, value in small.items()
                        if value.isfinite().equal(state[key].isfinite())}}
