"""``mmocr-kd cache``: killed, resumed, shared; what it says."""
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny
import tiny_cache
from click.testing import CliRunner

from mmocr_kd.cli import main
from mmocr_kd.store import MapStore

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path):
    spec = tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5))
    dataset = tiny_cache.write_photos(tmp_path, 60)
    cfg = tiny_cache.training(tmp_path, tiny_cache.cached(tmp_path, spec), dataset)
    cfg.dump(tmp_path / 'config.py')
    return str(tmp_path / 'config.py')


def run(*args):
    return CliRunner().invoke(main, ['cache', *args])


def entries(folder):
    return sorted(folder.rglob('*.maps'))


def start(config, *args):
    command = [sys.executable, '-m', 'mmocr_kd', 'cache', config, *args]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env={**os.environ, 'OMP_NUM_THREADS': '1'},
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def test_a_killed_command_goes_on_where_it_was(config, tmp_path):
    store = tmp_path / 'store'
    killed = start(config)
    while len(entries(store)) < 5 and killed.poll() is None:
        time.sleep(.005)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    before = {path: path.stat().st_mtime_ns for path in entries(store)}
    assert 5 <= len(before) < 60
    shown = run(config)
    assert shown.exit_code == 0, shown.output
    assert f'{60 - len(before)} images written' in shown.output
    assert f'{len(before)} were there already' in shown.output
    after = entries(store)
    assert len(after) == 60
    assert all(path.stat().st_mtime_ns == changed for path, changed in before.items())
    MapStore(store).check([str(tmp_path / f'{i}.png') for i in range(60)])
    assert '0 images written; 60 were there' in run(config).output


def test_ctrl_c_ends_it_and_says_how_it_goes_on(config, tmp_path):
    stopped = start(config)
    while len(entries(tmp_path / 'store')) < 3 and stopped.poll() is None:
        time.sleep(.005)
    stopped.send_signal(signal.SIGINT)
    said = stopped.communicate()[1]
    assert stopped.returncode == 130 and 'The same command goes on where it was' in said
    assert 'Traceback' not in said
    there = len(entries(tmp_path / 'store'))
    assert f'{60 - there} images written' in run(config).output


def test_shards_make_one_store(config, tmp_path):
    """Writers at the same time: see tests/store/test_maps.py."""
    assert all('30 images written' in run(config, '--shard', f'{i}/2').output for i in range(2))
    store = MapStore(tmp_path / 'store')
    assert all(store.read(str(tmp_path / f'{i}.png')) for i in range(60))
    lines = (tmp_path / 'store' / 'images.jsonl').read_text().splitlines()
    assert len({json.loads(line)['image'] for line in lines}) == len(lines) == 60


def test_photos_that_moved_are_noted_under_their_new_names(config, tmp_path):
    run(config)
    new = tmp_path / 'new'
    new.mkdir()
    for path in [tmp_path / 'train.json', *tmp_path.glob('*.png')]:
        path.rename(new / path.name)
    shown = run(config, '--cfg-options', f'train_dataloader.dataset.data_root={new}')
    assert '0 images written; 60 were there' in shown.output
    assert f'"{new}/7.png"' in (tmp_path / 'store' / 'images.jsonl').read_text()


def test_it_says_what_it_will_write_and_how_to_repeat_it(config, tmp_path):
    shown = run(config, '--out', str(tmp_path / 'other store'), '--shard', '0/30',
                '--cfg-options', 'custom_hooks.0.teacher.features.neck=8')
    assert shown.exit_code == 0, shown.output
    assert 'text: 64x96, 8 bits, PNG; in training one value for 1x1 pixels' in shown.output
    assert 'neck: 16x8x12, half precision, 0.00 MB a photo' in shown.output
    assert 'sees the first image at 96x64' in shown.output
    command = MapStore(tmp_path / 'other store').command
    assert command == (f"mmocr-kd cache {config} --out '{tmp_path}/other store' "
                       '--cfg-options custom_hooks.0.teacher.features.neck=8')


@pytest.mark.parametrize('shard', ['4/4', '0/0', '1', 'a/b', '-1/3'])
def test_impossible_shards_are_refused(config, shard):
    shown = run(config, f'--shard={shard}')
    assert shown.exit_code == 2 and '0 <= i < n' in shown.output


def test_what_is_wrong_is_said_in_one_line(config, tmp_path):
    for args, says in [
            (['nowhere.py'], 'nowhere.py'),
            ([config, '--cfg-options', 'custom_hooks.0.teacher.type=ModelTeacher'],
             "0 CachedTeachers, one is needed: write teacher=dict(type='CachedTeacher'"),
            ([config, '--cfg-options', 'custom_hooks.0.teacher.teacher.checkpoint=gone.pth'],
             "'gone.pth' does not exist")]:
        shown = run(*args)
        assert shown.exit_code == 1 and says in shown.output, shown.output
        assert 'Traceback' not in shown.output
    run(config, '--shard', '0/60')
    assert 'was made by another teacher' in run(
        config, '--cfg-options', 'custom_hooks.0.teacher.long_side=64').output


def test_a_broken_photo_is_named_and_what_was_done_stays(config, tmp_path):
    (tmp_path / '7.png').write_bytes(b'no photo')
    shown = run(config)
    assert shown.exit_code == 1 and '7.png' in shown.output
    assert len(entries(tmp_path / 'store')) == 7


def test_the_tool_is_the_same_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['cache_teacher.py', '--help'])
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / 'tools/cache_teacher.py'), run_name='__main__')
    assert '--shard' in capsys.readouterr().out
