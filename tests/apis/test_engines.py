"""Where the processes of a comparison run."""
import os
import signal
import sys
import time

import pytest

from mmocr_kd.apis.engines import Job, LocalEngine, run_jobs


def job(folder, name, code, **fields):
    return Job(name, [sys.executable, '-c', code], folder / f'{name}.log', **fields)


def test_jobs_end_with_their_status_and_log(tmp_path):
    jobs = [job(tmp_path, 'sound', 'import os; print(os.environ["SAID"], os.getcwd())',
                env={'SAID': 'hello'}),
            job(tmp_path, 'broken', 'raise SystemExit(3)'),
            job(tmp_path, 'killed', 'import os; os.kill(os.getpid(), 9)')]
    assert dict(LocalEngine().run(jobs)) == {'sound': 0, 'broken': 3, 'killed': -signal.SIGKILL}
    assert f'hello {os.getcwd()}' in (tmp_path / 'sound.log').read_text()


@pytest.mark.parametrize('number', [1, 2, 3])
def test_so_many_at_a_time(tmp_path, number):
    code = ('import pathlib, time; me = pathlib.Path("{0}/{1}.here"); me.touch(); time.sleep(.3); '
            'print(len(list(me.parent.glob("*.here")))); me.unlink()')
    jobs = [job(tmp_path, name, code.format(tmp_path, name)) for name in 'abcde']
    assert sorted(name for name, _ in LocalEngine(number).run(jobs)) == list('abcde')
    most = max(int((tmp_path / f'{name}.log').read_text().split()[-1]) for name in 'abcde')
    assert most == number if number == 1 else 1 <= most <= number


def test_what_failed_is_tried_once_more_after_the_others(tmp_path):
    once = f'import pathlib; f = pathlib.Path("{tmp_path}/tried"); new = not f.exists(); ' \
        'f.touch(); raise SystemExit(int(new))'
    jobs = [job(tmp_path, 'never', 'raise SystemExit(5)'), job(tmp_path, 'second', once),
            job(tmp_path, 'sound', '')]
    assert list(run_jobs(LocalEngine(1), jobs)) == [('sound', 0), ('never', 5), ('second', 0)]
    assert (tmp_path / 'never.log').read_text().count('$ ') == 2


def test_closing_stops_what_runs(tmp_path):
    long = job(tmp_path, 'long', 'import os, time; print(os.getpid(), flush=True); time.sleep(600)')
    ended = LocalEngine(2).run([long, job(tmp_path, 'short', 'import time; time.sleep(1)')])
    assert next(ended) == ('short', 0)
    while len(said := (tmp_path / 'long.log').read_text().split('\n')) < 3:
        time.sleep(.05)
    ended.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int(said[1]), 0)


def test_needs_a_place():
    with pytest.raises(ValueError, match='jobs=0'):
        LocalEngine(0)
