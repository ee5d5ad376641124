"""``mmocr-kd rate-scales``: killed, resumed; what it says."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_cache
from click.testing import CliRunner
from tiny_ratings import config

from mmocr_kd.cli import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def arguments(tmp_path):
    """A detector and 40 photos."""
    cfg, weights = config(tmp_path, count=40)
    cfg.val_dataloader.dataset.indices = None
    cfg.dump(tmp_path / 'config.py')
    return [str(tmp_path / 'config.py'), '--checkpoint', weights, '--scales', '.5,1']


def run(*args):
    return CliRunner().invoke(main, ['rate-scales', *args])


def test_a_killed_command_goes_on_where_it_was(arguments, tmp_path):
    out = tmp_path / 'ratings.jsonl'
    killed = subprocess.Popen(
        [sys.executable, '-m', 'mmocr_kd', 'rate-scales', *arguments, '--out', str(out)],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env={**os.environ, 'OMP_NUM_THREADS': '1'})
    while not (out.exists() and out.read_bytes().count(b'\n') > 5) and killed.poll() is None:
        time.sleep(.005)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    before = out.read_bytes()
    before = before[:before.rindex(b'\n') + 1]
    done = before.count(b'\n') - 1
    assert 5 <= done < 40, killed.stderr.read()
    shown = run(*arguments, '--out', str(out))
    assert shown.exit_code == 0, shown.output
    assert f'{out}: {40 - done} images rated; {done} were there already' in shown.output
    assert out.read_bytes().startswith(before) and out.read_bytes().count(b'\n') == 41
    assert 'To paste into a ResolutionSelector: scale_factors=[0.5, 1.0], costs=[' in shown.output
    assert '0 images rated; 40 were there' in run(*arguments, '--out', str(out)).output


def test_names_itself_after_config_and_data(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = run(*arguments, '--limit', '2', '--threshold', '.1', '--cfg-options',
                'val_dataloader.dataset.indices=3')
    assert 'work_dirs/ratings/config_val.jsonl: 2 images rated' in shown.output
    assert 'score threshold 0.1;' in shown.output
    assert (tmp_path / 'work_dirs/ratings/config_val.jsonl').exists()


def test_what_is_wrong_is_said_in_one_line(arguments, tmp_path):
    for args, says in [
            (['nowhere.py', '--checkpoint', 'x'], 'nowhere.py'),
            ([*arguments, '--protocol', 'e2e'], "protocol='e2e' of a DBNet"),
            ([*arguments, '--split', 'test'], 'has no test_dataloader'),
            ([*arguments, '--out', str(tmp_path / 'model.pth')], 'is no file of ratings')]:
        shown = run(*args)
        assert shown.exit_code == 1 and says in shown.output, shown.output
        assert 'Traceback' not in shown.output
    assert run(*arguments, '--scales', 'half').exit_code == 2


def test_a_broken_photo_is_named_and_what_was_done_stays(arguments, tmp_path):
    (tmp_path / '30.png').write_bytes(b'no photo')
    out = str(tmp_path / 'ratings.jsonl')
    shown = run(*arguments, '--out', out)
    assert shown.exit_code == 1 and '30.png' in shown.output and 'Traceback' not in shown.output
    write_again = tiny_cache.write_photos(tmp_path, 40)
    assert write_again and '10 images rated; 30 were there' in run(*arguments, '--out', out).output
