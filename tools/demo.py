"""Distil a text detector, and see what it gained: teacher, plain student, student with MaskET."""
from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Callable

HERE = Path(__file__).resolve().parent
CONFIGS = HERE.parent / 'configs'
# Arm -> config and name in the table.
ARMS = {
    'teacher': ('textdet/masket/dbnet_mobilenetv3-large_fpnc_1e_embedded-12k.py',
                'teacher, MobileNetV3-large'),
    'student': ('textdet/masket/dbnet_mobilenetv3-small_fpnc_1e_embedded.py',
                'student, MobileNetV3-small'),
    'masket': ('masket_dbnet_mbv3.py', 'the same student with MaskET'),
}
# Without importing the package, which takes seconds that nothing here needs.
TEACHER = (Path(find_spec('mmocr_kd').submodule_search_locations[0]) / 'weights'
           / 'dbnet_mobilenetv3-large_fpnc_1e_embedded-12k.pth')
MINUTES = 12  # what all of it may take on two cores
TAIL = 25  # lines of a log that are shown when a step fails
QUICK_TRAIN = ['train_dataloader.dataset.num_images=16', 'val_dataloader.dataset.num_images=2',
               'train_dataloader.dataset.image_size=(128,128)']
QUICK_TEST = ['test_dataloader.dataset.num_images=4']


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + f' Trains both students with "mim train mmocr" at the same budget, '
        f'tests all three with "mim test mmocr", prints a table and draws pictures. The teacher '
        f'comes with the package. Nothing is downloaded. Made for {MINUTES} minutes on two cores.')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'),
                        help='where everything is written (default: %(default)s)')
    again = parser.add_mutually_exclusive_group()
    again.add_argument('--fresh', dest='reuse', action='store_false',
                       help='remove what an earlier run left there and do everything anew: this '
                       'is what happens without --reuse')
    again.add_argument('--reuse', action='store_true',
                       help='keep steps that an earlier run finished with the same command')
    parser.add_argument('--quick', action='store_true',
                        help='a few images only: shows that everything runs, learns nothing')
    parser.set_defaults(reuse=False)
    return parser.parse_args(argv)


@dataclass
class Step:
    """One program to run.

    Args:
        name: What it does.
        log: Where its output goes; it is finished when ``<log>.done`` holds its command.
        command: Gives the command line; asked when everything needed is done.
        needs: Names of steps before it.
    """

    name: str
    log: Path
    command: Callable[[], list[str]]
    needs: tuple[str, ...] = ()

    @property
    def done(self) -> Path:
        """File that says the step is finished."""
        return self.log.with_suffix('.done')


@dataclass
class StepFailed(Exception):
    """A step ended with an error, or was stopped.

    Args:
        step: Which.
        status: Its exit status.
    """

    step: Step
    status: int


@dataclass
class Demo:
    """The steps and their order.

    Args:
        folder: Where everything is written.
        quick: Whether to use a few images only.
    """

    folder: Path
    quick: bool = False

    def steps(self) -> list[Step]:
        """All steps; each comes after those it needs."""
        return [
            *map(self._train, ('student', 'masket')), *map(self._test, ARMS),
            Step('draw pictures', self.folder / 'pictures.log', self._draw, ('train masket', )),
            Step('compare models', self.folder / 'compare.log', self._compare,
                 tuple(f'test {arm}' for arm in ARMS)),
        ]

    @property
    def table(self) -> Path:
        """File with the table."""
        return self.folder / 'table.md'

    def hmean(self, arm: str) -> float:
        """Test score of an arm, in [0, 1].

        Args:
            arm: One of ``ARMS``.
        """
        return json.loads(self._scores(arm).read_text())['icdar/hmean']

    @property
    def pictures(self) -> Path:
        """Folder with the pictures."""
        return self.folder / 'pictures'

    def _train(self, arm: str) -> Step:
        command = [_mim(), 'train', 'mmocr', _config(arm), '--work-dir', str(self.folder / arm),
                   *_cfg_options(QUICK_TRAIN if self.quick else [])]
        return Step(f'train {arm}', self.folder / f'{arm}_train.log', lambda: command)

    def _test(self, arm: str) -> Step:
        command = [_mim(), 'test', 'mmocr', _config(arm), '--checkpoint', self._checkpoint(arm),
                   '--work-dir', str(self._results(arm)),
                   *_cfg_options(QUICK_TEST if self.quick else [])]
        return Step(f'test {arm}', self.folder / f'{arm}_test.log', lambda: command,
                    () if arm == 'teacher' else (f'train {arm}', ))

    def _draw(self) -> list[str]:
        return [sys.executable, str(HERE / 'visualize_distill.py'), _config('masket'),
                self._checkpoint('masket'), str(self.pictures), '--split', 'test',
                '--num', '2' if self.quick else '12']

    def _compare(self) -> list[str]:
        models = [f'{_config(arm)}:{self._checkpoint(arm)}' for arm in ARMS]
        metrics = [str(self._scores(arm)) for arm in ARMS]
        return [sys.executable, str(HERE / 'compare_models.py'), *models, '--names',
                *(name for _, name in ARMS.values()), '--metrics', *metrics,
                '--out', str(self.table), '--iters', '3' if self.quick else '50']

    def _checkpoint(self, arm: str) -> str:
        if arm == 'teacher':
            return str(TEACHER)
        return str(self.folder / arm / 'epoch_1.pth')

    def _results(self, arm: str) -> Path:
        return self.folder / arm / 'test'

    def _scores(self, arm: str) -> Path:
        return max(self._results(arm).glob('*/*.json'))  # named after the time of the test


def _mim() -> str:
    return str(Path(sys.executable).with_name('mim'))


def _config(arm: str) -> str:
    return os.path.relpath(CONFIGS / ARMS[arm][0])


def _cfg_options(options: list[str]) -> list[str]:
    return ['--cfg-options', *options] if options else []


@dataclass
class Conductor:
    """Runs steps, each as soon as those it needs are done and a lane is free.

    Args:
        lanes: How many run at once.
        threads: CPU threads of each. Two processes with two threads each on two cores take many
            times as long as with one.
        reuse: Whether to keep finished steps.
    """

    lanes: int
    threads: int
    reuse: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    _running: set[subprocess.Popen] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    asked_to_stop: bool = False  # by a signal
    _stopped: bool = False
    _start: float = field(default_factory=time.monotonic)

    def run(self, steps: list[Step]) -> None:
        """Run all steps.

        Args:
            steps: Each after those it needs, so that lanes wait for running steps only.

        Raises:
            StepFailed: If one fails; the others are stopped.
        """
        futures: dict[str, Future] = {}
        with ThreadPoolExecutor(self.lanes) as pool:
            try:
                for step in steps:
                    needs = [futures[name] for name in step.needs]
                    futures[step.name] = pool.submit(self._after, needs, step)
                self._follow(list(futures.values()))
            finally:
                self._stop(list(futures.values()))

    def _follow(self, futures: list[Future]) -> None:
        """Wait until all are done, one fails, or it is asked to stop.

        By looking, now and then: an exception that a signal's handler raises in the middle of a
        wait leaves locks held, for which the steps' threads would wait for ever.
        """
        while not all(future.done() for future in futures):
            if self.asked_to_stop:
                raise SystemExit('stopped')
            if any(future.done() and future.exception() for future in futures):
                break
            time.sleep(.1)
        for future in futures:
            if future.done():
                future.result()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._start

    def _after(self, needs: list[Future], step: Step) -> None:
        for future in needs:
            future.result()
        command = step.command()
        text = shlex.join(command)
        if self._reusable(step, text):
            self._say(step, f'reused, its output is in {step.log}')
            return
        step.done.unlink(missing_ok=True)
        self._say(step, f'started, output in {step.log}')
        begin = time.monotonic()
        status = self._call(command, step.log)
        if status:
            raise StepFailed(step, status)
        self.seconds[step.name] = time.monotonic() - begin
        step.done.write_text(text)
        self._say(step, f'finished after {self.seconds[step.name]:.0f} s')

    def _reusable(self, step: Step, command: str) -> bool:
        anew = self.seconds.keys() & set(step.needs)  # then this step's inputs have changed
        return (self.reuse and not anew and step.done.is_file()
                and step.done.read_text() == command)

    def _call(self, command: list[str], log: Path) -> int:
        log.parent.mkdir(parents=True, exist_ok=True)
        env = dict(os.environ, OMP_NUM_THREADS=str(self.threads), PYTHONUNBUFFERED='1')
        with log.open('w') as out:
            out.write(f'$ {shlex.join(command)}\n')
            out.flush()
            with self._lock:
                if self._stopped:
                    return -signal.SIGTERM
                # In a group of its own: mim starts the training, the training its loaders.
                process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=env,
                                           start_new_session=True)
                self._running.add(process)
            status = process.wait()
        with self._lock:
            self._running.discard(process)
        return status

    def _stop(self, futures: list[Future]) -> None:
        for future in futures:
            future.cancel()
        with self._lock:
            self._stopped = True
            for process in self._running:
                with contextlib.suppress(ProcessLookupError):  # it has just ended
                    os.killpg(process.pid, signal.SIGTERM)

    def _say(self, step: Step, what: str) -> None:
        print(f'[{clock(self.elapsed)}] {step.name}: {what}', flush=True)


def clock(seconds: float) -> str:
    """Minutes and seconds.

    Args:
        seconds: A duration.
    """
    return f'{int(seconds) // 60:2d}:{int(seconds) % 60:02d}'


def report(demo: Demo, conductor: Conductor) -> str:
    """The table, where the pictures are, and where the time went.

    Args:
        demo: What was run.
        conductor: Who ran it.
    """
    times = [f'  {clock(seconds)}  {name}' for name, seconds in conductor.seconds.items()]
    gain = demo.hmean('masket') - demo.hmean('student')
    return '\n'.join([
        '', demo.table.read_text(),
        f"MaskET changed the student's hmean by {gain:+.4f} (one run each, with the same seed;\n"
        'with another one it may be .1 more or less: docs/results.md).',
        f'Pictures: {demo.pictures}', '',
        f'Time per step ({conductor.lanes} at once, {conductor.threads} threads each):', *times,
        f'  {clock(conductor.elapsed)}  in all, of {MINUTES} minutes meant for two cores'
    ])


def clear(folder: Path) -> None:
    """Make way for a new run.

    Args:
        folder: Removed with all it holds, if this tool made it.

    Raises:
        SystemExit: If it holds something else.
    """
    marker = folder / '.made_by_demo'
    if folder.exists() and any(folder.iterdir()):
        if not marker.exists():
            raise SystemExit(f'{folder} holds something that is not of this tool: choose another '
                             '--work-dir')
        print(f'removing {folder} of an earlier run (--reuse would keep it)', flush=True)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    marker.touch()


def main(argv: list[str] | None = None) -> None:
    """Run the demo."""
    args = parse_args(argv)
    if not Path(_mim()).exists():
        raise SystemExit(f"{_mim()} is missing: pip install 'openmim==0.3.7'")
    cores = len(os.sched_getaffinity(0))
    lanes = min(2, cores)
    demo, conductor = Demo(args.work_dir, args.quick), Conductor(lanes, cores // lanes, args.reuse)
    if not args.reuse or not args.work_dir.exists():
        clear(args.work_dir)
    signal.signal(signal.SIGTERM, lambda *_: setattr(conductor, 'asked_to_stop', True))
    try:
        conductor.run(demo.steps())
    except StepFailed as error:
        raise SystemExit(explain(error)) from None
    print(report(demo, conductor))


def explain(failure: StepFailed) -> str:
    """What failed, and the end of its output.

    Args:
        failure: The step and its status.
    """
    log = failure.step.log
    tail = log.read_text(errors='replace').splitlines()[-TAIL:]
    return '\n'.join([f'{failure.step.name} failed with status {failure.status}. The end of {log}:',
                      *(f'  {line}' for line in tail)])


if __name__ == '__main__':
    main()
