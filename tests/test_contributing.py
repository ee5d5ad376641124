"""The loss that CONTRIBUTING.md shows works where it says it does."""
import re
from pathlib import Path

import pytest
import tiny
import torch
from mmocr.registry import MODELS

from mmocr_kd.hooks import MaskETDistillHook

GUIDE = Path(__file__).resolve().parents[1] / 'CONTRIBUTING.md'


@pytest.fixture(scope='module')
def blocks():
    definition, usage = re.findall(r'```python\n(.*?)```', GUIDE.read_text(), flags=re.DOTALL)
    exec(definition, {})
    return usage


@pytest.fixture
def configs(blocks, tmp_path):
    teacher = tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg())
    names = {'teacher': teacher}
    exec(blocks, names)
    return names


def test_value(configs):
    loss = MODELS.build(configs['loss'])
    student, teacher = torch.randn(2, 2, 3, 4)
    mask = torch.rand(2, 3, 4) > .5
    expected = 2 * (student - teacher)[mask].abs().mean()
    assert torch.allclose(loss(student, teacher, mask)['loss_distance'], expected)


def test_in_the_wrapper(configs):
    model = MODELS.build(tiny.dbnet_cfg(**configs['model'])).train()
    losses = model(**tiny.prepared(model), mode='loss')
    losses['loss_distance'].backward()
    assert model.det_head.binarize[0].weight.grad.abs().sum() > 0


def test_in_the_hook(configs):
    arguments = dict(configs['custom_hooks'][0])
    assert arguments.pop('type') == 'MaskETDistillHook'
    MaskETDistillHook(**arguments)
