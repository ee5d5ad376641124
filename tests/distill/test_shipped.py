"""Weights that come inside the package."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import load_checkpoint
from mmocr.registry import MODELS

from mmocr_kd.distill import load_strictly, read_weights
from mmocr_kd.distill.shipped import PREFIX, shipped

CONFIGS = Path(__file__).parents[2] / 'configs'
NAMES = sorted(path.stem for path in shipped(
    f'{PREFIX}dbnet_mobilenetv3-large_fpnc_1e_embedded-12k').parent.glob('*.pth'))


@pytest.mark.parametrize('name', NAMES)
def test_are_those_of_the_config_of_that_name(name):
    config = str(next(CONFIGS.rglob(f'{name}.py')))
    model = MODELS.build(Config.fromfile(config).model)
    load_strictly(model, read_weights(PREFIX + name), PREFIX + name, config)
    assert all(value.isfinite().all() for value in model.state_dict().values())
    assert {value.dtype for value in model.parameters()} == {torch.float32}


@pytest.mark.parametrize('name', NAMES)
def test_are_small_and_described(name):
    path = shipped(PREFIX + name)
    assert path.stat().st_size < 8e6
    assert name in path.with_name('README.md').read_text()


def test_mmengine_loads_them_wherever_it_takes_a_path():
    model = torch.nn.Module()
    loaded = load_checkpoint(model, PREFIX + NAMES[0], strict=False)
    given = read_weights(PREFIX + NAMES[0])
    assert loaded['state_dict'].keys() == given.keys() and len(given) > 60


def test_unknown_names_list_what_there_is():
    with pytest.raises(FileNotFoundError, match=f'nothing.*{NAMES[0]}'):
        read_weights(f'{PREFIX}nothing')
