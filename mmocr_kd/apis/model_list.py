"""Students with what they cost, weights that come with the package, teachers that are here."""
from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Iterator

import torch
import yaml
from mmengine.registry import DefaultScope
from mmocr.registry import MODELS
from torch import nn

from ..distill.shipped import PREFIX
from ..measure import interleave, product_macs
from ..teachers.rapidocr_models import INSTALL, rapidocr_model
from .read_config import read_config
from .students import PACKAGE, RECOGNISERS, STUDENTS, shipped

_DETECTION = 'configs/textdet/masket/_base_/models'
_RECOGNITION = 'configs/textrecog/kd_ltr/_base_/models'
_PHOTO, _WORD = (3, 736, 736), (1, 32, 256)  # as the recipes for photos test, at most
_SCORES = {
    'efficientnet-lite0': 'hmean .513 on 200 photos of MSRA-TD500, after 450 steps of MaskET',
    'crnn-quarter': 'reads .342 of 1,938 words of photos, shrunk to 16x50',
}


@dataclass
class ListedStudent:
    """A student that has a config.

    Args:
        name: Short.
        task: 'detection' or 'recognition'.
        config: Of the model alone, as :func:`~.students.shipped` finds it.
        size: Channels, height and width of what it sees in a test.
        about: Whom it suits.
        score: What it reached in docs/results.md, and on what.
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
    score: str | None = field(default=None)
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


def ready_models() -> list[dict[str, Any]]:
    """Weights that come with the package, as ``weights/models.yml`` describes them.

    Returns:
        Of each name (as configs take it), file, megabytes, task, config, data, license, score.
    """
    cards = yaml.safe_load((PACKAGE / 'weights/models.yml').read_text(encoding='utf-8'))
    return [{**card, **_file(f'{PREFIX}{card["name"]}', card['task'],
                             PACKAGE / 'weights' / f'{card["name"]}.pth')} for card in cards]


def reader_models() -> dict[str, str]:
    """Detector and recogniser for photos that come with the package.

    Returns:
        'det' and 'rec' -> name, as configs take it.
    """
    return {card['reader']: card['name'] for card in ready_models() if 'reader' in card}


def teachers() -> Iterator[dict[str, Any]]:
    """Engines that are here: name, task, file, megabytes; or what installs them.

    Yields:
        Networks of ``rapidocr``.
    """
    for kind, task in (('det', 'detection'), ('rec', 'recognition')):
        try:
            yield _file(f'rapidocr ({task})', task, rapidocr_model(kind).path)
        except ImportError:
            yield dict(name=f'rapidocr ({task})', task=task, file=None, install=INSTALL)


def _students() -> list[ListedStudent]:
    known = [ListedStudent(name, 'detection', student.model, _PHOTO, student.about,
                           _SCORES.get(name))
             for name, student in STUDENTS.items()]
    return [
        *known,
        ListedStudent('resnet18', 'detection', f'{_DETECTION}/dbnet_resnet18_fpnc.py', _PHOTO,
                      "MMOCR's own, larger"),
        ListedStudent('crnn-quarter', 'recognition', f'{_RECOGNITION}/crnn_quarter-vgg.py',
                      (1, 16, 50), 'the smallest; small words', _SCORES['crnn-quarter']),
        ListedStudent('crnn-slim', 'recognition', f'{_RECOGNITION}/crnn_slim-vgg_lr.py',
                      (1, 16, 50), 'small words'),
        *(ListedStudent(name, 'recognition', student.model, _WORD, student.about)
          for name, student in RECOGNISERS.items()),
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


def _file(name: str, task: str, path: Path) -> dict[str, Any]:
    return dict(name=name, task=task, file=str(path), megabytes=path.stat().st_size / 1e6)
