"""Students by name, with what they cost, and the teachers that are here."""
from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Iterator

import torch
from mmengine.registry import DefaultScope
from mmocr.registry import MODELS
from torch import nn

from ..distill.shipped import PREFIX
from ..measure import interleave, product_macs
from ..teachers.rapidocr_models import INSTALL, rapidocr_model
from .read_config import read_config
from .students import PACKAGE, STUDENTS, shipped

_DETECTION = 'configs/textdet/masket/_base_/models'
_RECOGNITION = 'configs/textrecog/kd_ltr/_base_/models'
_PHOTO = (3, 736, 736)  # as the recipes for photos test


@dataclass
class ListedStudent:
    """A student that has a config.

    Args:
        name: Short.
        task: 'detection' or 'recognition'.
        config: Of the model alone, as :func:`~.students.shipped` finds it.
        size: Channels, height and width of what it sees in a test.
        about: Whom it suits.
        trouble: Why it cannot be built here.
        parameters: How many.
        macs: Multiply-adds of an image, those of products.
        ms: A forward pass of one image in milliseconds, without pre- and postprocessing.
    """

    name: str
    task: str
    config: str
    size: tuple[int, int, int]
    about: str
    trouble: str | None = field(default=None)
    parameters: int | None = field(default=None)
    macs: int | None = field(default=None)
    ms: float | None = field(default=None)


def students(measure: bool = False) -> Iterator[ListedStudent]:
    """Build each student, with random weights, and count.

    Args:
        measure: Also take times: medians, one image, as many threads as PyTorch has.
    """
    for student in _students():
        try:
            _count(student, measure)
        except ImportError as error:
            student.trouble = str(error)
        yield student


def teachers() -> list[dict[str, Any]]:
    """Teachers that are here: name, file, megabytes; or what installs them."""
    weights = [(f'{PREFIX}{path.stem}', path) for path in sorted(PACKAGE.glob('weights/*.pth'))]
    return [*_rapidocr(), *(_file(name, 'detection', path) for name, path in weights)]


def _students() -> list[ListedStudent]:
    known = [ListedStudent(name, 'detection', student.model, _PHOTO, student.about)
             for name, student in STUDENTS.items()]
    return [
        *known,
        ListedStudent('resnet18', 'detection', f'{_DETECTION}/dbnet_resnet18_fpnc.py', _PHOTO,
                      "MMOCR's own, larger"),
        ListedStudent('crnn-quarter', 'recognition', f'{_RECOGNITION}/crnn_quarter-vgg.py',
                      (1, 16, 50), 'the smallest; small words'),
        ListedStudent('crnn-slim', 'recognition', f'{_RECOGNITION}/crnn_slim-vgg_lr.py',
                      (1, 16, 50), 'small words'),
        ListedStudent('crnn-slim-32', 'recognition', f'{_RECOGNITION}/crnn_slim-vgg.py',
                      (1, 32, 100), 'the same for words of usual size'),
        ListedStudent('svtr-tiny', 'recognition', f'{_RECOGNITION}/svtr-tiny_lr.py', (3, 32, 128),
                      'rectifies bent words'),
        ListedStudent('parseq-tiny', 'recognition', f'{_RECOGNITION}/parseq-tiny_lr.py',
                      (3, 16, 64), 'letters one after the other; small words')]


@torch.no_grad()
def _count(student: ListedStudent, measure: bool) -> None:
    with DefaultScope.overwrite_default_scope('mmocr'):
        model: nn.Module = MODELS.build(read_config(shipped(student.config)).model).eval()
    run = partial(model, torch.zeros(1, *student.size), None, mode='tensor')
    student.parameters = sum(weights.numel() for weights in model.parameters())
    student.macs = product_macs(run)
    if measure:
        student.ms = interleave({'': lambda: run}, 5)[''].median * 1e3


def _rapidocr() -> Iterator[dict[str, Any]]:
    for kind, task in (('det', 'detection'), ('rec', 'recognition')):
        try:
            yield _file(f'rapidocr ({task})', task, rapidocr_model(kind).path)
        except ImportError:
            yield dict(name=f'rapidocr ({task})', task=task, file=None, install=INSTALL)


def _file(name: str, task: str, path: Path) -> dict[str, Any]:
    return dict(name=name, task=task, file=str(path), megabytes=path.stat().st_size / 1e6)
