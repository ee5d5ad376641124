"""Jobs on other machines: what becomes of them, and of what their killed workers leave."""
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from importlib import util
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from mmocr_kd.apis import cluster_engines, launch
from mmocr_kd.apis.cluster_engines import LOST, RayEngine, SlurmEngine
from mmocr_kd.apis.engines import Job, run_jobs
from mmocr_kd.cli.compare import _engine

SLEEPER = 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'
ENGINES = {'ray': lambda: RayEngine(2, num_cpus=2, include_dashboard=False),
           # submitit's executor of processes here: the nearest to Slurm without Slurm.
           'submitit': lambda: SlurmEngine(2, cluster='local')}


def job(folder, name, code, **fields):
    return Job(name, [sys.executable, '-c', code], folder / f'{name}.log', **fields)


@pytest.fixture(params=[pytest.param('ray', marks=pytest.mark.nightly), 'submitit'])
def engine(request):
    if not util.find_spec(request.param):
        pytest.skip(f'{request.param} is not installed')
    # What a shell started in the background ignores SIGINT, by which submitit's executor ends jobs.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    made = ENGINES[request.param]()
    made.interval = .1
    yield made
    signal.signal(signal.SIGINT, before)
    if request.param == 'ray':
        import ray
        ray.shutdown()


def wait_for(condition):
    while not (found := condition()):
        time.sleep(.1)
    return found


def pid_in(log):
    """What SLEEPER printed, once it has."""
    lines = wait_for(lambda: log.exists() and log.read_text().split('\n')[1:-1])
    return int(lines[-1])


def is_gone(pid):
    status = Path(f'/proc/{pid}/status')
    return not status.exists() or 'State:\tZ' in status.read_text()


def test_jobs_end_with_their_status_and_log(tmp_path, engine):
    jobs = [job(tmp_path, 'sound', 'import os; print(os.environ["SAID"], os.getcwd())',
                env={'SAID': 'hello'}),
            job(tmp_path, 'broken', 'raise SystemExit(3)'),
            job(tmp_path, 'killed', 'import os; os.kill(os.getpid(), 9)')]
    assert dict(engine.run(jobs)) == {'sound': 0, 'broken': 3, 'killed': -signal.SIGKILL}
    assert f'hello {os.getcwd()}' in (tmp_path / 'sound.log').read_text()


def test_a_killed_worker_loses_nothing(tmp_path, engine):
    """The job counts to six; its worker is killed at three, the second one goes on from there."""
    count = f"""
import os, pathlib
done = pathlib.Path({str(tmp_path / 'done')!r})
for number in range(int(done.read_text()) if done.exists() else 0, 6):
    if number == 3 and not pathlib.Path({str(tmp_path / 'killed')!r}).exists():
        pathlib.Path({str(tmp_path / 'killed')!r}).write_text(str(os.getpid()))
        os.kill(os.getppid(), 9)
        import time; time.sleep(600)
    print('at', number, flush=True)
    done.write_text(str(number + 1))
"""
    assert list(run_jobs(engine, [job(tmp_path, 'counts', count)])) == [('counts', 0)]
    log = (tmp_path / 'counts.log').read_text()
    assert [line for line in log.splitlines() if line.startswith('at ')] == [
        f'at {number}' for number in range(6)]
    assert 'lost: ' in log and is_gone(int((tmp_path / 'killed').read_text()))


def test_closing_stops_what_runs(tmp_path, engine):
    ended = engine.run([job(tmp_path, 'long', SLEEPER), job(tmp_path, 'short', '')])
    assert next(ended) == ('short', 0)
    pid = pid_in(tmp_path / 'long.log')
    ended.close()
    wait_for(lambda: is_gone(pid))


@pytest.mark.nightly
def test_a_lost_machine_of_two_loses_nothing(tmp_path):
    pytest.importorskip('ray', reason='Ray is not installed')
    import ray
    from ray.cluster_utils import Cluster
    cluster = Cluster(initialize_head=True, head_node_args=dict(num_cpus=0))
    machines = [cluster.add_node(num_cpus=1) for _ in range(2)]
    try:
        ended = run_jobs(RayEngine(2, address=cluster.address), [
            job(tmp_path, name, f'import pathlib, time; start = pathlib.Path({str(tmp_path)!r}) / '
                f'"{name}"; again = start.exists(); start.touch(); time.sleep(0 if again else 30)')
            for name in 'ab'])
        names = []
        reader = threading.Thread(target=lambda: names.extend(ended))
        reader.start()
        wait_for(lambda: (tmp_path / 'a').exists() and (tmp_path / 'b').exists())
        cluster.remove_node(machines[0], allow_graceful=False)
        reader.join()
        assert sorted(names) == [('a', 0), ('b', 0)]
        assert sum((tmp_path / f'{name}.log').read_text().count('lost: ') for name in 'ab') == 1
    finally:
        ray.shutdown()
        cluster.shutdown()


def start_launched(folder, code):
    what = dict(argv=[sys.executable, '-c', code], cwd=str(folder), env={'SAID': 'hello'},
                log=str(folder / 'it.log'))
    argv = [sys.executable, launch.__file__, json.dumps(what)]
    starter = f'import subprocess; raise SystemExit(subprocess.call({argv!r}))'
    return subprocess.Popen([sys.executable, '-c', starter])


def test_a_launched_program_has_its_place(tmp_path):
    code = 'import os; print(os.environ["SAID"], os.getcwd()); raise SystemExit(4)'
    assert [start_launched(tmp_path, code).wait() for _ in range(2)] == [4, 4]
    log = (tmp_path / 'it.log').read_text().splitlines()
    assert [line[:1] for line in log] == ['$', 'h', '$', 'h']
    assert log[1] == log[3] == f'hello {tmp_path}'


@pytest.mark.skipif(sys.platform != 'linux', reason='elsewhere, programs outlive their starters')
def test_a_launched_program_ends_with_who_started_it(tmp_path):
    starter = start_launched(tmp_path, SLEEPER)
    pid = pid_in(tmp_path / 'it.log')
    assert not is_gone(pid)
    starter.kill()
    wait_for(lambda: is_gone(pid))


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A machine that has Slurm's commands; what is submitted stays in the queue for ever."""
    pytest.importorskip('submitit', reason='submitit is not installed')
    for name in ('sbatch', 'srun', 'sacct'):
        (tmp_path / name).write_text('#!/bin/sh\necho Submitted batch job 12\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}:{os.environ["PATH"]}')


def test_slurm_is_asked_for_what_the_user_wants(tmp_path, slurm):
    one = Job('masket/3', ['true'], tmp_path / 'it.log', processes=2)
    engine = SlurmEngine(1, cpus=4, gpus=1, timeout_min=90, slurm_partition='fast')
    engine.start(one, 0)
    asked = set((tmp_path / 'submitit' / '12_submission.sh').read_text().splitlines())
    assert asked >= {
        '#SBATCH --cpus-per-task=8', '#SBATCH --gpus-per-node=2', '#SBATCH --time=90',
        '#SBATCH --partition=fast', '#SBATCH --job-name=masket-3', '#SBATCH --ntasks-per-node=1'}


@pytest.mark.parametrize('option', [dict(slurm_colour='red'), dict(timeout_min='long')])
def test_options_that_slurm_does_not_know(tmp_path, slurm, option):
    with pytest.raises(ValueError, match='options of Slurm: .*(colour|timeout_min)'):
        SlurmEngine(1, **option).start(Job('a', ['true'], tmp_path / 'it.log'), 0)


@pytest.mark.parametrize('engine, extra', [(RayEngine, 'ray'), (SlurmEngine, 'slurm')])
def test_what_is_not_installed_is_named(monkeypatch, engine, extra):
    for library in ('ray', 'submitit'):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf'mmocr_kd\[{extra}\]'):
        engine()


def test_a_cluster_that_is_not_there_is_told(monkeypatch):
    def init(**options):
        raise Exception(f'nobody at {options["address"]}')

    monkeypatch.setitem(sys.modules, 'ray', SimpleNamespace(init=init))
    with pytest.raises(RuntimeError, match='Ray does not start.*nobody at far'):
        RayEngine(address='far')


@pytest.mark.parametrize('numbers', [dict(cpus=0), dict(gpus=-1), dict(jobs=0)])
def test_needs_a_place(numbers):
    for engine in (RayEngine, SlurmEngine):
        with pytest.raises(ValueError, match=next(iter(numbers))):
            engine(**numbers)


def test_the_command_line_chooses_the_engine(monkeypatch):
    for name in ('RayEngine', 'SlurmEngine'):
        monkeypatch.setattr(cluster_engines, name, lambda *of, name=name, **more: (name, of, more))
    assert _engine('ray', 3, 4, 1, ['address=auto']) == ('RayEngine', (3, 4, 1), {
        'address': 'auto'})
    assert _engine('slurm', 2, 1, 0, ['timeout_min=90', 'slurm_partition=gpu']) == (
        'SlurmEngine', (2, 1, 0), {'timeout_min': 90, 'slurm_partition': 'gpu'})
    assert _engine('local', 5, 1, 0, []).jobs == 5
    for cpus, gpus, options in ((2, 0, []), (1, 1, []), (1, 0, ['address=auto'])):
        with pytest.raises(click.UsageError, match='--engine ray or slurm'):
            _engine('local', 5, cpus, gpus, options)


def test_a_lost_job_says_so(tmp_path):
    one = Job('a', ['true'], tmp_path / 'it.log')
    assert cluster_engines.ClusterEngine().lost(one, 'gone') == LOST < 0
    assert (tmp_path / 'it.log').read_text() == 'lost: gone\n'


def test_log_files_stay_open(tmp_path, monkeypatch):
    pytest.importorskip('submitit')
    for name in [name for name in sys.modules if name.split('.')[0] == 'submitit']:
        monkeypatch.delitem(sys.modules, name)
    handler = logging.FileHandler(tmp_path / 'log')
    SlurmEngine(2, cluster='local')
    assert handler.stream is not None
    handler.close()
