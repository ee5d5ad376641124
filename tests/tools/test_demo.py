import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import demo
import pytest

from mmocr_kd.distill.shipped import shipped

ROOT = Path(__file__).resolve().parents[2]


def python(code):
    return [sys.executable, '-c', code]


def step(folder, name, code='pass', *needs):
    return demo.Step(name, folder / f'{name}.log', lambda: python(code), needs)


def environment():
    paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, paths)))


def run(*args, cwd=ROOT):
    return subprocess.run([sys.executable, str(ROOT / 'tools/demo.py'), *map(str, args)],
                          env=environment(), cwd=cwd, capture_output=True, text=True)


@pytest.mark.slow
def test_quick_demo_from_another_folder(tmp_path):
    """Real trainings and tests with mim; then a second run that has nothing left to do."""
    done = run('--quick', cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / 'work_dirs/demo'
    rows = [line for line in done.stdout.splitlines() if line.startswith('|')][2:]
    assert [row.split('|')[1].strip() for row in rows] == [name for _, name in demo.ARMS.values()]
    assert all('-' not in row.split('|')[2:5] for row in rows)
    assert (folder / 'table.md').read_text() in done.stdout and 'hmean by' in done.stdout
    assert len(list((folder / 'pictures').glob('*.png'))) == 2
    for words in ('test teacher: started', 'test masket: finished after', 'in all, of 12 min'):
        assert words in done.stdout
    log = (folder / 'masket_train.log').read_text()
    assert 'loss_entropy' in log and 'mim train mmocr' in log.splitlines()[0]
    assert 'loss_entropy' not in (folder / 'student_train.log').read_text()
    again = run('--quick', '--reuse', cwd=tmp_path)
    assert again.returncode == 0 and again.stdout.count('reused') == 7
    assert 'started' not in again.stdout and (folder / 'table.md').read_text() in again.stdout


def test_a_failing_step_shows_the_end_of_its_log(tmp_path, monkeypatch):
    monkeypatch.setitem(demo.ARMS, 'student', ('nowhere.py', 'student'))
    monkeypatch.setattr(os, 'sched_getaffinity', lambda pid: {0})
    with pytest.raises(SystemExit) as stopped:
        demo.main(['--quick', '--work-dir', str(tmp_path / 'demo')])
    said = str(stopped.value)
    assert 'train student failed with status' in said and 'nowhere.py' in said
    assert not list((tmp_path / 'demo').glob('*.done'))


def test_steps_come_after_what_they_need(tmp_path):
    steps = demo.Demo(tmp_path).steps()
    names = [each.name for each in steps]
    for index, each in enumerate(steps):
        assert set(each.needs) <= set(names[:index])
    assert len({each.log for each in steps}) == len(set(names)) == 7


def test_students_have_the_same_budget_and_the_students_the_same_model(tmp_path):
    from mmengine.config import Config
    student, masket, teacher = (Config.fromfile(demo.CONFIGS / demo.ARMS[arm][0])
                                for arm in ('student', 'masket', 'teacher'))
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'randomness',
                'test_dataloader', 'test_evaluator'):
        assert student[key] == masket[key]
    assert student.test_dataloader == teacher.test_dataloader
    assert student.model == masket.model and 'custom_hooks' not in student
    assert student.train_cfg.max_epochs == 1  # where the demo looks for checkpoints
    assert shipped(masket.custom_hooks[0].teacher.checkpoint) == demo.TEACHER


def test_steps_run_side_by_side_but_not_before_what_they_need(tmp_path):
    meet = f"""
import pathlib, sys, time
here = pathlib.Path({str(tmp_path)!r})
(here / sys.argv[1]).touch()
while not (here / sys.argv[2]).exists():
    time.sleep(.01)
"""
    steps = [demo.Step(name, tmp_path / f'{name}.log',
                       lambda args=(name, other): [*python(meet), *args])
             for name, other in (('a', 'b'), ('b', 'a'))]  # each waits for the other
    steps.append(step(tmp_path, 'c', f'open({str(tmp_path / "b")!r})', 'a', 'b'))
    conductor = demo.Conductor(lanes=2, threads=1)
    conductor.run(steps)
    assert set(conductor.seconds) == {'a', 'b', 'c'}


def test_one_lane_runs_one_at_a_time_in_order(tmp_path, capsys):
    steps = [step(tmp_path, name) for name in 'abc']
    demo.Conductor(lanes=1, threads=3).run(steps)
    events = [line.split('] ')[1].split(',')[0] for line in capsys.readouterr().out.splitlines()]
    assert [e.split(' after')[0] for e in events] == [
        f'{name}: {what}' for name in 'abc' for what in ('started', 'finished')]


def test_threads_and_output_reach_the_step(tmp_path):
    code = 'import os, sys; print(os.environ["OMP_NUM_THREADS"]); print("err", file=sys.stderr)'
    demo.Conductor(lanes=1, threads=5).run([step(tmp_path, 'a', code)])
    first, *rest = (tmp_path / 'a.log').read_text().splitlines()
    assert first.startswith('$ ') and sorted(rest) == ['5', 'err']


def test_a_failure_stops_everything(tmp_path):
    """Also what the steps have started themselves."""
    child = ('import subprocess, sys; '
             'c = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]); '
             'print(c.pid, flush=True); c.wait()')
    wait = (f'import time, pathlib; p = pathlib.Path({str(tmp_path / "long.log")!r})\n'
            'while len(p.read_text().splitlines()) < 2: time.sleep(.02)\nraise SystemExit(3)')
    steps = [step(tmp_path, 'long', child), step(tmp_path, 'bad', 'import time; time.sleep(.3)\n'
                                                 + wait), step(tmp_path, 'later', 'pass', 'long')]
    with pytest.raises(demo.StepFailed) as caught:
        demo.Conductor(lanes=2, threads=1).run(steps)
    assert caught.value.step.name == 'bad' and caught.value.status == 3
    assert not (tmp_path / 'later.log').exists() and not list(tmp_path.glob('*.done'))
    grandchild = int((tmp_path / 'long.log').read_text().split()[-1])
    for _ in range(12_000):
        if not Path(f'/proc/{grandchild}').exists() or _is_zombie(grandchild):
            return
        time.sleep(.05)
    raise AssertionError('a grandchild is still running')


def _is_zombie(pid):
    return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] == 'Z'


def test_terminating_the_demo_terminates_its_steps(tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(ROOT / 'tools/demo.py'), '--quick', '--work-dir', str(tmp_path / 'd')],
        env=environment(), stdout=subprocess.PIPE, text=True)
    assert 'started' in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(1800) == 1
    assert str(tmp_path).encode() not in b''.join(
        path.read_bytes() for path in Path('/proc').glob('[0-9]*/cmdline') if _mine(path))


def _mine(path):
    try:
        return path.exists() and int(path.parent.name) != os.getpid() and path.read_bytes()
    except OSError:
        return False


def test_reuse_keeps_what_is_finished_and_unchanged(tmp_path, capsys):
    def run_again(code='pass', reuse=True):
        conductor = demo.Conductor(1, 1, reuse)
        conductor.run([step(tmp_path, 'a', code), step(tmp_path, 'b', 'pass', 'a'),
                       step(tmp_path, 'c')])
        return list(conductor.seconds)

    assert run_again() == ['a', 'b', 'c']
    capsys.readouterr()
    assert run_again() == []
    assert capsys.readouterr().out.count('reused') == 3
    assert run_again(reuse=False) == ['a', 'b', 'c']
    assert run_again(code='1 + 1') == ['a', 'b']  # b needs a, which is another one now
    (tmp_path / 'c.done').unlink()  # interrupted
    assert run_again(code='1 + 1') == ['c']


def test_a_failed_step_is_not_reused(tmp_path):
    for _ in range(2):
        with pytest.raises(demo.StepFailed):
            demo.Conductor(1, 1, reuse=True).run([step(tmp_path, 'a', 'raise SystemExit(1)')])


def test_fresh_removes_its_own_folders_only(tmp_path, capsys):
    mine, foreign = tmp_path / 'mine', tmp_path / 'foreign'
    demo.clear(mine)
    (mine / 'old').touch()
    demo.clear(mine)
    assert not (mine / 'old').exists() and f'removing {mine}' in capsys.readouterr().out
    foreign.mkdir()
    (foreign / 'precious').touch()
    with pytest.raises(SystemExit, match='choose another'):
        demo.main(['--work-dir', str(foreign)])
    assert (foreign / 'precious').exists()


def test_missing_mim_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'executable', str(tmp_path / 'python'))
    with pytest.raises(SystemExit, match='openmim'):
        demo.main(['--work-dir', str(tmp_path / 'demo')])


@pytest.mark.parametrize('argv, reuse', [([], False), (['--fresh'], False), (['--reuse'], True)])
def test_nothing_is_reused_unless_asked_for(argv, reuse):
    assert demo.parse_args(argv).reuse is reuse


def test_help_tells_the_options(capsys):
    with pytest.raises(SystemExit):
        demo.main(['--help'])
    said = capsys.readouterr().out
    assert all(option in said for option in ('--work-dir', '--fresh', '--reuse', '--quick'))
