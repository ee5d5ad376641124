"""docs/deploy.md's light installation, done: photos are read where nothing else is installed.

Downloads some 100 MB, and so is not part of ``make test``.
"""
import json
import re
import shlex
import subprocess
import sys

import cv2
import pytest
import tiny
import tiny_export
import tiny_recog
from click.testing import CliRunner
from installation import ROOT, without_pythonpath

from mmocr_kd.cli import main

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group('packaging')]


def run(*command, cwd):
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True,
                          env=without_pythonpath())
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope='module')
def light(wheel, tmp_path_factory):
    """The folder of commands of an environment that the guide's lines make."""
    folder = tmp_path_factory.mktemp('light')
    run(sys.executable, '-m', 'venv', 'venv', cwd=folder)
    guide = (ROOT / 'docs/deploy.md').read_text().partition('## The light installation')[2]
    lines = re.search(r'```bash\n(.*?)```', guide, re.S)[1].splitlines()
    assert lines[-1].startswith('pip install --no-deps mmocr_kd')  # else pip complains
    for line in lines:
        arguments = [wheel if word == 'mmocr_kd' else word
                     for word in shlex.split(line, comments=True)[1:]]
        run(folder / 'venv/bin/pip', *arguments, cwd=folder)
    return folder / 'venv/bin'


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """A folder with a detector, a recogniser, and a photo."""
    folder = tmp_path_factory.mktemp('work')
    for name, model, pipeline in (('det', tiny.dbnet_cfg(), tiny_export.PHOTOS),
                                  ('rec', tiny_recog.crnn_cfg(), tiny_export.WORDS)):
        trained = tiny_export.write(folder, name, model, pipeline, lively=6.)
        done = CliRunner().invoke(main, ['export', *map(str, trained), '--out',
                                         str(folder / f'{name}.onnx')])
        assert done.exit_code == 0, done.output
    cv2.imwrite(str(folder / 'photo.png'), tiny_export.photo())
    return folder


def test_nothing_else_is_there(light, tmp_path):
    installed = run(light / 'pip', 'list', '--format', 'freeze', cwd=tmp_path)
    assert not re.search('^(torch|mmocr=|mmengine|mmcv|shapely|pillow)', installed, re.M | re.I)


def test_reads_what_is_read_here(light, work):
    command = ['read', 'photo.png', '--model', '.', '--json']
    there, = map(json.loads, run(light / 'mmocr-kd', *command, cwd=work).splitlines())
    here, = map(json.loads, run(sys.executable, '-c', 'import sys; sys.path.insert(0, sys.argv.pop('
                                '1)); from mmocr_kd.cli import main; main()', ROOT, *command,
                                cwd=work).splitlines())
    assert len(there['texts']) == len(here['texts']) > 0
    for one, other in zip(there['texts'], here['texts']):
        assert one['score'] == pytest.approx(other['score'], abs=1e-3)
    # The newest OpenCV rounds otherwise, which a recogniser of random weights may read otherwise.
    same = [one['text'] == other['text'] for one, other in zip(there['texts'], here['texts'])]
    assert sum(same) > .7 * len(same), (there, here)
