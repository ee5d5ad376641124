"""What the students cost, counted as the paper counts."""
import pytest
import torch
from config_zoo import ROOT, load
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import nn

FOLDER = ROOT / 'textrecog/kd_ltr/_base_/models'


def giga_operations(model, image):
    """Multiply-adds of modules as ptflops counts them: none inside attention, ReLU as one."""
    counts = []

    def count(module, inputs, output):
        counts.append(output.numel() * operations(module))

    for module in model.modules():
        if operations(module):
            module.register_forward_hook(count)
    with torch.no_grad():
        model.eval()(torch.randn(1, *image), [TextRecogDataSample(metainfo=dict(valid_ratio=1.0))],
                     mode='tensor')
    return sum(counts) / 1e9


def operations(module):
    """Per element of the output."""
    if isinstance(module, nn.Conv2d):
        return module.weight[0].numel() + (module.bias is not None)
    if isinstance(module, nn.Linear):
        return module.in_features
    return 2 if isinstance(module, nn.BatchNorm2d) else isinstance(module, nn.ReLU)


@pytest.mark.parametrize(('strides', 'image', 'passes', 'expected'), [
    ([1, 1, 2, 1, 1], (3, 16, 64), 1, 5.461),
    ([2, 1, 2, 1, 1], (3, 32, 128), 1, 5.469),
    ([1, 1, 2, 1, 1], (3, 16, 64), 3, 5.928),
    ([2, 1, 2, 1, 1], (3, 32, 128), 3, 5.936),
])
def test_abinet(strides, image, passes, expected):
    # The student's saving is against super-resolution before the teacher, not against the teacher.
    cfg = load(FOLDER / 'abinet_lr.py').to_dict()['model']
    cfg['backbone']['strides'], cfg['decoder']['num_iters'] = strides, passes
    assert giga_operations(MODELS.build(cfg), image) == pytest.approx(expected, abs=5e-4)


def test_matrn():
    # The official transformer layers call ReLU as a function, which is not counted: 0.006.
    cfg = load(FOLDER / 'matrn_lr.py').to_dict()['model']
    assert giga_operations(MODELS.build(cfg), (3, 16, 64)) == pytest.approx(9.862 + .006, abs=5e-4)
