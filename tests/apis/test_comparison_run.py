"""How far a run is, whatever was killed when."""
import fcntl
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from mmocr_kd.apis.comparison import Run, alone
from mmocr_kd.apis.comparison.checkpoints import last_checkpoint
from mmocr_kd.apis.comparison.table import Arm, run_config

CFG = dict(model=dict(type='DBNet', widths=(4, 8)), train_cfg=dict(max_epochs=4),
           custom_hooks=None, load_from=None)


def run_in(folder, arm=None, **fields):
    cfg = Config({**CFG, **fields})
    return Run(arm or Arm('plain', 'plain.py'), 3, folder, run_config(cfg, 3, folder))


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / 'plain' / '3'
    folder.mkdir(parents=True)
    return run_in(folder)


def save(folder, epoch, iteration=0, name=None, note=True):
    path = folder / (name or f'epoch_{epoch}.pth')
    torch.save({'meta': dict(epoch=epoch, iter=iteration or 10 * epoch),
                'state_dict': {'w': torch.zeros(300)}}, path)
    if note:
        (folder / 'last_checkpoint').write_text(f'/somewhere/else/{path.name}')
    return path


def cut(path, left=.5):
    path.write_bytes(path.read_bytes()[:int(left * path.stat().st_size)])


def test_states(run):
    assert run.state == 'missing'
    (run.folder / 'pairing.json').write_text('{}')
    assert (run.state, run.progress) == ('begun', 'epoch 0 of 4')
    save(run.folder, 2)
    assert (run.state, run.progress, run.steps) == ('begun', 'epoch 2 of 4', 20)
    with (run.folder / 'run.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run.state == 'training'
    run.training()
    run.log.write_text('one\ntwo')
    told = run.note_failure(-9)
    assert run.state == 'failed' and 'exit status -9' in told and told.endswith('two')
    run.training()
    assert run.state == 'begun'
    save(run.folder, 4)
    assert run.state == 'finished'
    cut(run.folder / 'epoch_4.pth')
    assert (run.state, run.progress) == ('begun', 'epoch 2 of 4')


def test_loops_of_iterations(tmp_path):
    run = run_in(tmp_path, train_cfg=dict(type='IterBasedTrainLoop', max_iters=30))
    save(tmp_path, 0, 20, 'iter_20.pth')
    assert (run.state, run.progress) == ('begun', 'iter 20 of 30')
    save(tmp_path, 0, 30, 'iter_30.pth')
    assert run.state == 'finished'


@pytest.mark.parametrize('damage', ['removed', 'cut', 'emptied', 'noted late', 'moved'])
def test_resumes_from_what_is_whole(run, damage):
    """MMEngine removes a checkpoint, writes the next, and notes its path: killed anywhere."""
    first = save(run.folder, 1)
    second = save(run.folder, 2, note=damage != 'noted late')
    if damage == 'removed':
        second.unlink()
    elif damage in ('cut', 'emptied'):
        cut(second, .5 if damage == 'cut' else 0)
    run.mend()
    whole = second if damage in ('noted late', 'moved') else first
    assert find_latest_checkpoint(str(run.folder)) == str(whole.resolve())
    assert last_checkpoint(run.folder).path == whole


def test_starts_anew_if_nothing_is_whole(run):
    cut(save(run.folder, 1))
    run.mend()
    assert find_latest_checkpoint(str(run.folder)) is None and run.state == 'missing'


def test_a_checkpoint_with_a_name_of_its_own(run):
    save(run.folder, 4, name='mine.pth')
    assert run.state == 'finished'


@pytest.fixture
def begun(run):
    run.take_over()
    (run.folder / 'pairing.json').write_text('{}')
    return run


def test_config_is_written_and_taken_over(begun):
    path = begun.folder / 'run.py'
    assert Config.fromfile(path).to_dict() == begun.cfg.to_dict()
    started = Config.fromfile(path)  # as MMEngine writes it when a training starts
    started.merge_from_dict(dict(launcher='none', resume=True, work_dir='elsewhere'))
    started.dump(path)
    before = path.read_bytes()
    begun.take_over()
    assert path.read_bytes() == before


def test_another_config_is_an_error(begun):
    for fields, says in [
            (dict(train_cfg=dict(max_epochs=5)),
             'train_cfg.max_epochs: 4 in the folder, 5 in the table'),
            (dict(model=dict(type='DBNet', widths=(4, 9))), 'model.widths.1: 8 in the folder, 9'),
            (dict(model=dict(type='DBNet')), 'model.widths: .4, 8. in the folder, None in the'),
            (dict(optim=1), 'optim: None in the folder, 1 in the table')]:
        with pytest.raises(ValueError, match=says):
            run_in(begun.folder, **fields).take_over()


def test_many_differences_are_counted(begun):
    with pytest.raises(ValueError, match='... and 3 more'):
        run_in(begun.folder, **{f'field{index}': 1 for index in range(8)}).take_over()


@pytest.mark.parametrize('left', [0, .1, .5, .8])
def test_what_nothing_was_trained_with_is_written_anew(run, left):
    run.take_over()
    cut(run.folder / 'run.py', left)
    run.note_failure(1)  # before its first step
    other = run_in(run.folder, train_cfg=dict(max_epochs=9))
    assert other.state == 'failed'
    other.take_over()
    assert Config.fromfile(run.folder / 'run.py').to_dict() == other.cfg.to_dict()


def test_half_a_config_of_a_training(begun):
    path, copies = begun.folder / 'run.py', begun.folder / '2026' / 'vis_data'
    copies.mkdir(parents=True)
    (copies / 'config.py').write_text(path.read_text())
    path.write_text(half := path.read_text()[:20])
    begun.take_over()
    assert Config.fromfile(path).to_dict() == begun.cfg.to_dict()
    path.write_text(half)
    with pytest.raises(ValueError, match='max_epochs'):  # the copy says what was trained
        run_in(begun.folder, train_cfg=dict(max_epochs=9)).take_over()
    (copies / 'config.py').unlink()
    with pytest.raises(ValueError, match='no run.py that can be read'):
        begun.take_over()


def test_jobs(run, tmp_path):
    job = run.training()
    script = job.argv[3:]
    assert Path(script[1]).name == 'train.py' and Path(script[1]).is_file()
    assert script[2:] == [str(run.folder / 'run.py'), '--work-dir', str(run.folder), '--resume']
    assert (job.env, job.processes, job.name) == ({'OMP_NUM_THREADS': '1'}, 1, 'plain/3')
    two = run_in(tmp_path, Arm('plain', 'plain.py', processes=2)).training()
    assert two.argv[4:8] == ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2']
    assert two.processes == 2 and '--launcher pytorch --resume' in ' '.join(two.argv)


def test_seconds_of_training(run):
    def trained(step, seconds):
        return dict(iter=step, step=step, time=seconds, loss=1.)

    assert run.train_seconds() is None
    for name, lines in (('a', [trained(10, 2.), trained(20, 3.)]),
                        ('b', [trained(20, 1.), dict(step=20, hmean=.5, time=9.)])):
        folder = run.folder / name / 'vis_data'
        folder.mkdir(parents=True)
        (folder / 'scalars.json').write_text('\n'.join([*map(json.dumps, lines), '{"iter": 3']))
    assert run.train_seconds() == 10 * 2 + 10 * 1


def test_a_run_has_one_process_at_a_time(tmp_path):
    """The lock is held by whoever took the place of the script, and goes when that is killed."""
    lock, here = str(tmp_path / 'run.lock'), tmp_path / 'here'
    code = f'import pathlib, time; pathlib.Path({str(here)!r}).touch(); time.sleep(600)'
    first = subprocess.Popen([sys.executable, alone.__file__, lock, sys.executable, '-c', code])
    while not here.exists():
        time.sleep(.02)
    second = subprocess.Popen([sys.executable, alone.__file__, lock, sys.executable, '-c',
                               'print("mine")'], stdout=subprocess.PIPE, text=True)
    assert f'held by process {first.pid}, which' in second.stdout.readline()
    assert second.poll() is None
    first.kill()
    assert second.communicate(timeout=600)[0] == 'mine\n'
    first.wait()
