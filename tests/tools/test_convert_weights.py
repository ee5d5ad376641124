import subprocess
import sys
from pathlib import Path

import convert_weights
import pytest
import small_models
import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.runner import load_checkpoint
from mmocr.registry import MODELS
from reference_abinet import ABINet, balance, scramble, words
from reference_matrn import MATRN
from reference_parseq import PARSeq

from mmocr_kd.convert import CONVERTERS, misfits

ROOT = Path(__file__).resolve().parents[2]
OFFICIAL = {'abinet': ABINet, 'matrn': MATRN, 'parseq': PARSeq}
SIZES = {'abinet': {**small_models.ABINET_SIZES, 'decoder.d_model': 32},
         'matrn': {**small_models.ABINET_SIZES, **small_models.MATRN_SIZES}, 'parseq': {}}


def write_config(path, sizes):
    """A config file around a small ABINet."""
    model = small_models.model_cfg(small_models.ABINET, **sizes)
    Config(dict(model=model.to_dict(), default_scope='mmocr')).dump(path)
    return str(path)


@pytest.fixture
def official(tmp_path):
    """An ABINet as its repository saves it, and images that it can read."""
    images = small_models.images(count=3)
    model = balance(scramble(ABINet()), images)
    torch.save({'model': model.state_dict(), 'opt': {'state': {}}}, tmp_path / 'official.pth')
    return model, images, tmp_path


def test_a_real_run_gives_a_model_that_reads_the_same(official):
    model, images, folder = official
    config = write_config(folder / 'abinet.py', SIZES['abinet'])
    command = [sys.executable, ROOT / 'tools/convert_weights.py', 'abinet', 'official.pth',
               'deep/converted.pth', '--config', config,
               '--cfg-options', 'model.data_preprocessor.bgr_to_rgb=True']
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert f'{config} fits: loaded strictly' in run.stdout
    assert 'wrote deep/converted.pth: ' in run.stdout
    assert '  model.data_preprocessor.bgr_to_rgb=True' in run.stdout
    plain = MODELS.build(Config.fromfile(config).model).eval()
    load_checkpoint(plain, str(folder / 'deep/converted.pth'), strict=True)
    with torch.no_grad():
        assert small_models.read(plain, images) == words(model(images, 3)[-1])
    meta = torch.load(folder / 'deep/converted.pth', weights_only=True)['meta']
    assert meta['converted_from'] == 'official ABINet' and not meta['low_resolution']
    assert meta['settings']['model.data_preprocessor.bgr_to_rgb'] is True


@pytest.mark.parametrize('arch, name', [('abinet', 'ABINet'), ('matrn', 'MATRN'),
                                        ('parseq', 'PARSeq')])
@pytest.mark.parametrize('low_resolution', [False, True])
def test_names_a_config_that_fits_with_the_settings_it_prints(
        arch, name, low_resolution, tmp_path, capsys):
    variant = {'patch': (2, 4)} if arch == 'parseq' else {'low_resolution': True}
    state = OFFICIAL[arch](**variant if low_resolution else {}).state_dict()
    torch.save({'state_dict_G': state}, tmp_path / 'official.pth')
    convert_weights.main([arch, str(tmp_path / 'official.pth'), str(tmp_path / 'out.pth')])
    said = capsys.readouterr().out
    assert ('crops of half the size' in said) == low_resolution
    path = convert_weights.CONFIGS[name][low_resolution]
    assert f'Start from {path};' in said
    cfg = get_config(path) if '::' in path else Config.fromfile(ROOT / path)
    cfg = Config(dict(model=cfg.model.to_dict()))
    settings = {line.split('=')[0].strip() for line in said.splitlines() if line.startswith(' ')}
    converted = CONVERTERS[arch](state)
    assert settings == set(converted.settings)
    cfg.merge_from_dict(converted.settings)
    cfg.merge_from_dict({f'model.{field}': value for field, value in SIZES[arch].items()})
    assert misfits(converted, cfg) == []


def test_writes_nothing_if_the_config_does_not_fit(official):
    folder = official[-1]
    config = write_config(folder / 'abinet.py', SIZES['abinet'])
    paths = ['abinet', str(folder / 'official.pth'), str(folder / 'out.pth')]
    with pytest.raises(SystemExit, match='bgr_to_rgb is None, these weights need True'):
        convert_weights.main([*paths, '--config', config])
    with pytest.raises(SystemExit, match='missing.py'):
        convert_weights.main([*paths, '--config', str(folder / 'missing.py')])
    assert not (folder / 'out.pth').exists()


def test_tells_whose_weights_a_file_holds(official):
    folder = official[-1]
    with pytest.raises(SystemExit, match='look like abinet: convert them as that'):
        convert_weights.main(['parseq', str(folder / 'official.pth'), str(folder / 'out.pth')])
    assert not (folder / 'out.pth').exists()


def test_refuses_a_damaged_file(tmp_path):
    (tmp_path / 'bad.pth').write_bytes(b'no checkpoint')
    with pytest.raises(SystemExit, match='bad.pth cannot be read as weights'):
        convert_weights.main(['parseq', str(tmp_path / 'bad.pth'), str(tmp_path / 'out.pth')])


@pytest.mark.parametrize('arguments, message', [
    (['abinet-ltr', 'a.pth', 'b.pth'], "'abinet-ltr' is unknown: use abinet, matrn, parseq"),
    (['abinet', 'a.pth', './a.pth'], 'out=a.pth is the official file'),
    (['abinet', 'a.pth', 'b.pth', '--cfg-options', 'a=1'], '--cfg-options needs --config'),
])
def test_refuses_odd_command_lines(arguments, message, capsys):
    with pytest.raises(SystemExit):
        convert_weights.main(arguments)
    assert message in capsys.readouterr().err
