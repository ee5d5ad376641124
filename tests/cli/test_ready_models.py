"""Models that come with the package: exported by their name alone, they read."""
import json

from click.testing import CliRunner

from mmocr_kd.apis.model_list import ready_models
from mmocr_kd.cli import main


def test_a_name_brings_its_config(tmp_path):
    name = next(one['name'] for one in ready_models() if one['task'] == 'recognition')
    done = CliRunner().invoke(main, ['export', name, '--out', str(tmp_path / 'rec.onnx')])
    assert done.exit_code == 0 and 'wrote' in done.output, done.output
    drawn = CliRunner().invoke(main, ['read', 'tests', '--rec', str(tmp_path / 'rec.onnx')])
    assert drawn.exit_code  # holds no photos


def test_an_unknown_name_lists_what_there_is(tmp_path):
    done = CliRunner().invoke(main, ['export', 'mmocr_kd://none', '--out', str(tmp_path / 'a.onnx')])
    assert done.exit_code == 2 and not [*tmp_path.iterdir()]
    assert all(one['name'] in done.output for one in ready_models())


