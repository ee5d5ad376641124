"""Configs in MMEngine's pure Python style (read_base) go through all tools, and through mim."""
import os
import subprocess
import sys

import benchmark_candidates
import benchmark_distill
import compare_models
import cost_table
import export_student
import pytest
import tiny
import torch
import visualize_distill
from conftest import ROOT
from mmengine.config import Config
from mmengine.registry import DefaultScope, init_default_scope
from mmocr.apis.inferencers import TextDetInferencer
from mmocr.registry import MODELS
from tiny_configs import distilling, distilling_words
from tiny_spotter import spotter_cfg

# Type in a plain config -> where the class is.
CLASSES = {
    'DBNet': 'mmocr.models.textdet', 'DBNetDistiller': 'mmocr_kd.models.detectors',
    'MaskETDistillHook': 'mmocr_kd.hooks', 'FitNetLoss': 'mmocr_kd.losses',
    'LowResRecognizerDistiller': 'mmocr_kd.models.recognizers',
    'HardLabelLoss': 'mmocr_kd.losses', 'PairedResize': 'mmocr_kd.datasets.transforms',
    'LoadImageFromFile': 'mmocr.datasets.transforms',
    'LoadOCRAnnotations': 'mmocr.datasets.transforms',
    'PackTextDetInputs': 'mmocr.datasets.transforms', 'SGD': 'torch.optim',
    'EmbeddedTextDetDataset': 'mmocr_kd.datasets.embedded', 'CRNN': 'mmocr.models.textrecog',
    'DetRecTextSpotter': 'mmocr_kd.models.spotters', 'MobileNetV3': 'mmocr_kd.models.backbones',
}


def pure(path):
    """Rewrite a config: its model in a base, classes imported instead of named."""
    fields = Config.fromfile(path).to_dict()
    base = {'model': fields.pop('model')}
    folder = path.parent / f'{path.stem}_pure'
    folder.mkdir()
    written(folder / 'base.py', '', base)
    written(folder / 'child.py', 'from mmengine.config import read_base\n\n'
            'with read_base():\n    from .base import *\n', fields)
    return folder / 'child.py'


def written(path, head, fields):
    body = '\n'.join(f'{name} = {value!r}' for name, value in fields.items())
    used = [name for name in CLASSES if f"'type': '{name}'" in body]
    for name in used:
        body = body.replace(f"'type': '{name}'", f"'type': {name}")
    imports = '\n'.join(f'from {CLASSES[name]} import {name}' for name in used)
    path.write_text(f'{head}{imports}\n{body}\n')


@pytest.fixture
def detector(tmp_path):
    """Config that distils a detector, and a checkpoint of its student."""
    score = {'type': 'HmeanIOUMetric'}
    config = distilling(
        tmp_path, default_hooks={'logger': {'type': 'LoggerHook', 'interval': 1}},
        train_cfg={'by_epoch': True, 'max_epochs': 1}, val_cfg={'type': 'ValLoop'},
        val_evaluator=score, test_cfg={'type': 'TestLoop'}, test_evaluator=score)
    tiny.checkpoint(tmp_path / 'student.pth', Config.fromfile(config).model)
    return pure(config), tmp_path / 'student.pth'


def test_fixture_is_what_it_says(detector):
    cfg = Config.fromfile(detector[0])
    assert not isinstance(cfg.model.type, str) and not isinstance(cfg.custom_hooks[0].type, str)


@pytest.mark.parametrize('kind', ['hook', 'wrapper'])
def test_export_student(kind, tmp_path):
    config = pure(distilling(tmp_path, kind))
    model = MODELS.build(Config.fromfile(config).model)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'epoch_1.pth')
    export_student.main([str(tmp_path / 'epoch_1.pth'), str(tmp_path / 'out.pth'),
                         '--config', str(config)])
    cfg = Config.fromfile(tmp_path / 'out.py')
    assert 'custom_hooks' not in cfg or cfg.custom_hooks == []
    MODELS.build(cfg.model).load_state_dict(torch.load(tmp_path / 'out.pth')['state_dict'])
    reader = TextDetInferencer(str(tmp_path / 'out.py'), str(tmp_path / 'out.pth'), device='cpu')
    DefaultScope._instance_dict.clear()
    init_default_scope('mmocr')
    assert type(reader.pipeline.transforms[0]).__name__ == 'InferencerLoader'
    assert set(reader(torch.zeros(64, 96, 3).byte().numpy(), progress_bar=False)['predictions'][0])


def test_tools_of_detectors(detector, tmp_path, capsys):
    config, checkpoint = map(str, detector)
    visualize_distill.main([config, checkpoint, str(tmp_path / 'pictures'), '--num', '1'])
    benchmark_distill.main([config, '--iters', '2', '--warmup', '0', '--batch-size', '1',
                            '--size', '64', '96'])
    compare_models.main([f'{config}:{checkpoint}', '--iters', '2'])
    cost_table.main([config, '--size', '64', '96', '--repeats', '0'])
    assert len(list((tmp_path / 'pictures').iterdir())) == 1
    said = capsys.readouterr().out
    assert '| child |' in said and 'teacher forward' in said and 'published' in said


def test_tools_of_recognisers(tmp_path, capsys):
    config = pure(distilling_words(tmp_path))
    benchmark_distill.main([str(config), '--iters', '2', '--warmup', '0'])
    assert 'batch of 2 x (1, 16, 50) and (1, 32, 100)' in capsys.readouterr().out


def test_tools_of_spotters(tmp_path, capsys):
    Config({'default_scope': 'mmocr', 'model': spotter_cfg()}).dump(str(tmp_path / 'spotter.py'))
    benchmark_candidates.main([
        str(pure(tmp_path / 'spotter.py')), '--size', '64', '96', '--batch-size', '1', '--words',
        '1', '--scales', '.5', '--iters', '2', '--warmup', '0'])
    assert 'one by one' in capsys.readouterr().out


@pytest.mark.parametrize('program', [
    [ROOT / 'tools/train.py'], pytest.param(['-m', 'mim', 'train', 'mmocr'],
                                            marks=pytest.mark.nightly)])
def test_trains(program, detector, tmp_path):
    """Ours, and MMOCR's own; the config that the run writes down can be read again."""
    config, _ = detector
    alone = [sys.executable, '-W', 'ignore', '-c', 'import mmocr.models']
    if 'mim' in program and subprocess.run(alone, capture_output=True).returncode:
        pytest.skip('MMOCR does not start by itself here, and such a config imports it first')
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', *map(str, program), str(config), '--work-dir',
         str(tmp_path / 'run')], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env={**os.environ, 'PYTHONPATH': str(ROOT)})
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / 'run/epoch_1.pth').exists()
    assert MODELS.build(Config.fromfile(tmp_path / 'run/child.py').model)
