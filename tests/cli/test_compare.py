"""The command line of comparisons, in one process and in many."""
import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny
import tiny_table
import torch
from click.testing import CliRunner
from mmengine.config import Config
from tiny_table import HereEngine, finish

from mmocr_kd.apis.comparison import Comparison, read_table
from mmocr_kd.cli import compare as module
from mmocr_kd.cli import main


@pytest.fixture
def engine(monkeypatch):
    engine = HereEngine()
    monkeypatch.setattr(module, '_engine', lambda *args, **kwargs: engine)
    return engine


@pytest.fixture
def call(tmp_path):
    """Call a verb on the table of a folder; its output."""
    table = tiny_table.write(tmp_path)

    def run(verb, *options, fails=False):
        done = CliRunner().invoke(main, [verb, str(table), '--out', str(tmp_path / 'out'),
                                         *options])
        assert (done.exit_code != 0) == fails, done.output
        return done.output

    return run


def runs(folder):
    return Comparison(read_table(folder / 'mine.py'), folder / 'out').runs


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def test_dry_run_does_nothing(call, tmp_path, engine):
    finish(runs(tmp_path)[1])
    said = call('compare', '--dry-run')
    assert re.findall(r'(\w+/\d): (\w+)', said) == [
        ('plain/0', 'missing'), ('fast/0', 'finished'), ('plain/1', 'missing'),
        ('fast/1', 'missing')]
    assert engine.ran == [] and not (tmp_path / 'out/mine/plain').exists()


def test_shows_what_was_found(call, tmp_path, engine):
    for run in runs(tmp_path):
        finish(run, 1 + (run.arm.name == 'fast'))
    said = call('compare', '--csv', str(tmp_path / 'found.csv'), '--plot', str(tmp_path / 'p.png'))
    assert '4 runs, 4 of them finished' in said and 'fast: gain' in said
    assert engine.ran == [] and (tmp_path / 'p.png').stat().st_size > 1000
    assert [row['split'] for row in rows(tmp_path / 'found.csv')] == ['val'] * 4
    assert not (tmp_path / 'out/mine/test_opened.json').exists()


def test_trains_scores_and_tells(call, tmp_path, engine):
    engine.broken = dict(plain_0=2)
    said = call('compare', '--arms', 'plain', '--seeds', '0,1', fails=True)
    assert 'plain/1 trained, 1 of 2' in said and 'failed: plain/0; the same command' in said
    assert 'plain/1 scored, 1 of 1' in said
    assert engine.ran == ['plain/0', 'plain/1', 'plain/0', 'plain/1']
    said = call('compare', '--arms', 'plain')
    assert 'plain/0 trained, 1 of 1' in said and 'plain/0 scored, 1 of 1' in said
    assert engine.ran[4:] == ['plain/0', 'plain/0']


def test_test_data_are_opened_once(call, tmp_path, engine):
    *ready, late = runs(tmp_path)
    for run in ready:
        finish(run)
    assert '1 of 4 runs are not finished: fast/1' in call('compare-test', fails=True)
    assert not (tmp_path / 'out/mine/test_opened.json').exists()
    found = str(tmp_path / 'test.csv')
    said = call('compare-test', '--partial', '--csv', found)
    assert 'test data opened now' in said
    before = (tmp_path / 'out/mine/test_opened.json').read_text()
    assert {row['after_opening'] for row in rows(found) if row['split'] == 'test'} == {'0', '1'}
    finish(late, splits=['val', 'test'])
    said = call('compare-test', '--csv', found)
    assert 'opened now' not in said and 'test data opened 20' in said
    assert (tmp_path / 'out/mine/test_opened.json').read_text() == before
    assert engine.ran == []
    marked = {f'{row["arm"]}/{row["seed"]}': row['after_opening'] for row in rows(found)
              if row['split'] == 'test'}
    assert marked == {'plain/0': '0', 'fast/0': '0', 'plain/1': '1', 'fast/1': '1'}


def test_what_is_wrong_is_said(call, tmp_path):
    assert 'arms slow are not in the table' in call('compare', '--arms', 'slow', fails=True)
    assert "'one' are no integers" in call('compare', '--seeds', 'one', fails=True)
    run = runs(tmp_path)[0]
    finish(run)
    text = (run.folder / 'run.py').read_text().replace("'lr': 0.01", "'lr': 0.5")
    (run.folder / 'run.py').write_text(text)
    assert 'optim_wrapper.optimizer.lr: 0.5 in the folder, 0.01 in the table' in call(
        'compare', fails=True)


@pytest.fixture
def trainings(tmp_path):
    """Write a table of trainings that take a while; its command."""

    def write(arms, epochs, **fields):
        path = tiny_table.write(tmp_path, arms, **fields)
        cfg = Config.fromfile(tmp_path / 'plain.py')
        cfg.model = tiny.dbnet_cfg()
        cfg.merge_from_dict({
            'train_cfg.max_epochs': epochs, 'train_cfg.val_interval': epochs, 'log_level': 'INFO',
            'default_hooks.checkpoint.max_keep_ckpts': 2})
        cfg.dump(tmp_path / 'plain.py')
        return [sys.executable, '-m', 'mmocr_kd', 'compare', str(path), '--out',
                str(tmp_path / 'out')]

    return write


@pytest.mark.nightly
def test_killed_and_started_again(tmp_path, trainings):
    """Real processes: the command is killed, then a training; the third command finds the rest."""
    launcher = dict(nproc=2 if torch.cuda.device_count() > 1 else 1)  # MMEngine's DDP needs GPUs
    command = trainings(seeds=[0], epochs=300, arms=dict(
        plain=dict(config='plain.py'), two=dict(config='plain.py', launcher=launcher)))
    plain, two = (tmp_path / 'out/mine/plain/0', tmp_path / 'out/mine/two/0')
    first = subprocess.Popen(command)
    wait_for(lambda: list(plain.glob('epoch_*.pth')))
    first.kill()
    first.wait()
    second = subprocess.Popen(command)  # the trainings live on, and are waited for
    wait_for(lambda: 'waiting for it' in (plain / 'compare.log').read_text())
    os.kill(trainer(plain), signal.SIGKILL)
    assert second.wait(timeout=1800) == 0
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=True)
    assert '2 runs, 2 of them finished' in done.stdout
    for folder in (plain, two):
        epochs, repeated = epochs_of(folder)
        assert epochs == {*range(1, 301)} and repeated <= (2 if folder == plain else 0)


@pytest.mark.nightly
def test_a_killed_worker_of_ray_costs_a_training_nothing(tmp_path, trainings):
    """Real trainings in two workers; one is killed, and its training goes on to a verdict."""
    pytest.importorskip('ray', reason='Ray is not installed')
    command = trainings(None, epochs=60, seeds=[0])
    plain, fast = (tmp_path / f'out/mine/{arm}/0' for arm in ('plain', 'fast'))
    running = subprocess.Popen(
        [*command, '--engine', 'ray', '--engine-option', 'num_cpus=2', '--engine-option',
         'include_dashboard=False'], stdout=subprocess.PIPE, text=True)
    wait_for(lambda: list(plain.glob('epoch_*.pth')) and list(fast.glob('epoch_*.pth')))
    training = Path(f'/proc/{trainer(plain)}')
    os.kill(int(training.joinpath('stat').read_text().split(') ')[1].split()[1]), signal.SIGKILL)
    said, _ = running.communicate(timeout=1800)
    assert running.returncode == 0 and 'fast: undecided' in said, said
    assert 'lost: ' in (plain / 'compare.log').read_text() and not training.exists()
    assert epochs_of(fast) == ({*range(1, 61)}, 0)
    epochs, repeated = epochs_of(plain)
    assert epochs == {*range(1, 61)} and repeated <= 2


def trainer(folder):
    """The process that trains a run."""
    return int((folder / 'run.lock').read_text())


def epochs_of(folder):
    """Epochs that were trained, and how many steps were trained again, of a killed epoch."""
    steps = re.findall(r'Epoch\(train\) +\[(\d+)\]\[ *(\d+)/',
                       (folder / 'compare.log').read_text())
    return {int(epoch) for epoch, _ in steps}, len(steps) - len({*steps})


def wait_for(true):
    while not true():
        time.sleep(.1)
