"""``mmocr-kd models``: what it lists is there, and costs what it says."""
import json
import re
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from mmengine.config import Config
from mmocr.registry import MODELS

from mmocr_kd.apis import model_list
from mmocr_kd.cli import main
from mmocr_kd.teachers import rapidocr_models

ROOT = Path(__file__).resolve().parents[2]
CARDS = ROOT / 'mmocr_kd/weights/README.md'


def listed(*options):
    done = CliRunner().invoke(main, ['models', *options])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def one_student(monkeypatch):
    """The quickest to build."""
    small = [one for one in model_list._students() if one.name == 'crnn-quarter']
    monkeypatch.setattr(model_list, '_students', lambda: small)


def test_every_student_has_a_config_and_builds_past_it():
    names = [one.name for one in model_list._students()]
    assert len(set(names)) == len(names) >= 9
    for one in model_list._students():
        assert (ROOT / one.config).is_file(), one.name


def test_size_and_cost_are_those_of_the_model(one_student):
    said, = json.loads(listed('--json', '--measure'))['students']
    model = MODELS.build(Config.fromfile(ROOT / said['config']).model)
    assert said['parameters'] == sum(weights.numel() for weights in model.parameters())
    assert 1e6 < said['macs'] < 1e9 and said['ms'] > 0 and said['size'] == [1, 16, 50]


def test_in_words(one_student):
    said = listed()
    assert 'crnn-quarter' in said and '2.34 M' in said and '16x50 grey' in said
    assert 'mmocr_kd://dbnet_mobilenetv3-large_fpnc_1e_embedded-12k (6.4 MB)' in said
    assert ' ms' not in said


def test_scores_are_those_of_the_results():
    results = (ROOT / 'docs/results.md').read_text()
    for one in model_list._students():
        for number in re.findall(r'\.\d{3}', one.score or ''):
            assert number in results, one.name


def test_a_student_that_cannot_be_built_does_not_hide_the_others(one_student, monkeypatch):
    def missing(*_):
        raise ImportError('svtr needs a package: pip install it')
    monkeypatch.setattr(model_list, '_count', missing)
    assert re.search(r'crnn-quarter +recognition +svtr needs a package', listed())


def test_ready_models_have_a_file_a_config_and_a_card():
    models = model_list.ready_models()
    weights = {path.stem for path in (ROOT / 'mmocr_kd/weights').glob('*.pth')}
    assert {model['name'].partition('://')[2] for model in models} == weights
    for model in models:
        assert (ROOT / model['config']).is_file() and Path(model['file']).is_file()
        assert {'task', 'data', 'license', 'score'} <= model.keys()
        for number in re.findall(r'\.\d{3}', model['score']):
            assert number in CARDS.read_text()


@pytest.mark.parametrize('found', [None, 'elsewhere'])
def test_engines_that_are_not_here_say_what_installs_them(found, monkeypatch, tmp_path):
    spec = None if found is None else type('Spec', (), {
        'submodule_search_locations': [str(tmp_path)]})
    monkeypatch.setattr(rapidocr_models, 'find_spec', lambda name: spec)
    for one in model_list.teachers():
        assert one['file'] is None and one['install'] == rapidocr_models.INSTALL


@pytest.mark.parametrize('name', [one['name'].partition('://')[2]
                                  for one in model_list.ready_models()])
def test_a_card_says_how_large_a_model_is(name):
    """Parameters and bytes are those of the file; running statistics are no parameters."""
    row, = (line for line in CARDS.read_text().splitlines() if line.startswith(f'| `{name}`'))
    *_, parameters, size, _ = (float(number.split()[0]) if number.strip()[:1].isdigit() else number
                               for number in row.split('|'))
    file = ROOT / f'mmocr_kd/weights/{name}.pth'
    state = torch.load(file, weights_only=True)['state_dict']
    counted = sum(value.numel() for key, value in state.items() if 'running_' not in key
                  and 'num_batches' not in key)
    assert counted / 1e6 == pytest.approx(parameters, abs=.006)
    assert file.stat().st_size / 1e6 == pytest.approx(size, abs=.06)


def test_the_models_for_photos_are_one_of_each_kind():
    assert sorted(model_list.reader_models()) == ['det', 'rec']
