"""Students small enough to be exported in a test, with configs whose tests show them images."""
import copy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmocr.registry import MODELS

ROOT = Path(__file__).resolve().parents[1]
# What the light installation lacks; whoever imports it fails.
LIGHT = """
import sys
ABSENT = {'torch', 'torchvision', 'mmengine', 'mmocr', 'mmdet', 'mmcv', 'PIL', 'shapely', 'scipy',
          'skimage', 'imgaug', 'lmdb', 'rich', 'onnx'}
class Absent:
    def find_spec(name, path=None, target=None):
        if name.partition('.')[0] in ABSENT:
            raise ModuleNotFoundError(f'No module named {name!r}')
sys.meta_path.insert(0, Absent)
from mmocr_kd.cli import main
main(prog_name='mmocr-kd')
"""
WORDS = [dict(type='LoadImageFromFile', color_type='grayscale'),
         dict(type='Resize', scale=(50, 16), keep_ratio=False, backend='pillow',
              interpolation='bicubic'),
         dict(type='LoadOCRAnnotations', with_text=True),
         dict(type='PackTextRecogInputs', meta_keys=('img_path', 'img_shape', 'valid_ratio'))]
PHOTOS = [dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
          dict(type='Resize', scale=(160, 96), keep_ratio=True),
          dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True),
          dict(type='PackTextDetInputs', meta_keys=('img_path', 'ori_shape', 'img_shape',
                                                    'scale_factor'))]


def write(folder, name, model, pipeline, lively=1.):
    """A config and a checkpoint of random weights; their paths."""
    dataset = dict(type='OCRDataset', data_root=str(folder), ann_file='missing.json',
                   pipeline=pipeline)
    cfg = Config(dict(default_scope='mmocr', model=copy.deepcopy(model),
                      test_dataloader=dict(dataset=dataset)))
    cfg.dump(folder / f'{name}.py')
    init_default_scope('mmocr')
    torch.manual_seed(0)
    built = MODELS.build(copy.deepcopy(model))
    with torch.no_grad():
        for module in built.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(std=.1)
                module.running_var.uniform_(.5, 2)
            if getattr(module, 'weight', None) is not None and module.weight.dim() > 1:
                module.weight.mul_(lively)
    torch.save({'meta': {}, 'state_dict': built.state_dict()}, folder / f'{name}.pth')
    return str(folder / f'{name}.py'), str(folder / f'{name}.pth')


def photo(size=(120, 200), seed=0, words=('STOP', 'Main')):
    """Noise with words on it; grey, because image formats turn colours into grey each its way."""
    image = np.random.default_rng(seed).integers(120, 200, size, np.uint8)
    image = cv2.GaussianBlur(image, None, 2)
    for line, word in enumerate(words):
        cv2.putText(image, word, (10, 40 + 45 * line), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 20, 3)
    return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)


def read(*arguments, cwd, stdin=''):
    """``mmocr-kd read`` in a light installation: its exit code, lines and complaints."""
    done = subprocess.run(
        [sys.executable, '-c', LIGHT, 'read', *map(str, arguments)], cwd=cwd, input=stdin,
        capture_output=True, text=True, timeout=600, env={'PYTHONPATH': str(ROOT), 'PATH': ''})
    return done.returncode, done.stdout.splitlines(), done.stderr
