import re
import subprocess
import sys
import time

import benchmark_distill
import pytest
import torch
from click.testing import CliRunner
from conftest import ROOT
from distill_bench import ADDED, CACHED, DISTILLED, PRICE, STUDENT, TEACHER, WHOLE, live
from mmengine.config import Config
from tiny_configs import distilling, distilling_words

from mmocr_kd.cli import main as mmocr_kd_command
from mmocr_kd.distill import ModelTeacher
from mmocr_kd.measure import Timing

CASES = (STUDENT, TEACHER, DISTILLED)
KINDS = {'hook': distilling, 'wrapper': distilling, 'ctc': distilling_words,
         'attention': distilling_words}
SIZES = {'attention': ('16', '64')}  # the small ABINet's attention fits no other


def command(tmp_path, kind, *options):
    config = KINDS[kind](tmp_path, kind)
    size = SIZES.get(kind, ('64', '96') if kind in ('hook', 'wrapper') else ('16', '50'))
    return [str(config), '--batch-size', '2', '--size', *size, *options]


def bench(tmp_path, kind='hook', *options):
    args = benchmark_distill.parse_args(command(tmp_path, kind, *options))
    return benchmark_distill.prepare(args, str(tmp_path))


def numbers(said):
    """Those in the table's lines."""
    return {name: [float(n) for n in re.findall(r'[\d.]+', line)]
            for line in said.splitlines() for name in CASES if line.startswith(name)}


@pytest.mark.parametrize('kind', ['hook', 'ctc'])
def test_prints_all_three_and_the_ratios(kind, tmp_path, capsys):
    benchmark_distill.main(command(tmp_path, kind, '--iters', '3', '--warmup', '1', '--threads',
                                   '1', '--letters', '5'))
    said = capsys.readouterr().out
    shape = {'hook': '(3, 64, 96)', 'ctc': '(1, 16, 50) and (1, 32, 100)'}[kind]
    assert f'2 x {shape} on' in said and '1 CPU threads, 3 rounds after 1' in said
    found = numbers(said)
    assert set(found) == set(CASES)
    for median, first, third, peak, resident in found.values():
        assert 0 < first <= median <= third and 0 < resident < peak
    peak = {name: values[3] for name, values in found.items()}
    assert peak[DISTILLED] > peak[STUDENT]
    added, _, whole = said.partition(ADDED)[2].partition(WHOLE)
    assert re.search(r'memory +[\d.]+ ', added)
    assert bool(whole) == (kind == 'ctc')
    target = r'time +[-\d.]+ .*target <= {}: (met|missed)'.format
    assert re.search(target(1.1), whole) if whole else re.search(target(1.05), added)


class TestAStore:

    @pytest.fixture
    def config(self, tmp_path):
        path = distilling(tmp_path)
        cfg = Config.fromfile(path)
        teacher = cfg.custom_hooks[0].teacher
        cfg.custom_hooks[0].teacher = dict(
            type='CachedTeacher', store=str(tmp_path / 'store'), teacher=teacher)
        cfg.dump(path)
        return str(path)

    def test_is_measured_beside_its_teacher_and_the_plain_student(self, config, capsys):
        assert CliRunner().invoke(mmocr_kd_command, ['cache', config]).exit_code == 0
        benchmark_distill.main([config, '--real-data', '--iters', '3', '--warmup', '1'])
        said = capsys.readouterr().out
        rows = [line for line in said.splitlines() if '.' in line and ' step' in line]
        names = [row.split('  ')[0] for row in rows]
        assert names == [STUDENT, DISTILLED, CACHED] and TEACHER in said
        assert re.search(r'time +[-\d.]+ .*target <= 1.05: (met|missed)', said.partition(PRICE)[2])

    def test_is_replaced_by_its_teacher_for_that(self, config):
        cfg = Config.fromfile(config)
        assert live(cfg).custom_hooks[0].teacher == cfg.custom_hooks[0].teacher.teacher
        assert live(cfg).model == cfg.model

    def test_knows_nothing_of_made_up_images(self, config):
        with pytest.raises(SystemExit, match='--real-data'):
            benchmark_distill.main([config, '--iters', '3'])


def test_runs_as_a_program(tmp_path):
    run = subprocess.run(
        [sys.executable, ROOT / 'tools/benchmark_distill.py',
         *command(tmp_path, 'attention', '--iters', '2', '--warmup', '0', '--cpu-time')],
        capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert set(numbers(run.stdout)) == set(CASES) and WHOLE in run.stdout


@pytest.mark.parametrize('kind', KINDS)
def test_each_case_does_what_it_says(kind, tmp_path, monkeypatch):
    """Also with a schedule that would start later."""
    subject, batch = bench(tmp_path, kind)
    looks = []
    look = ModelTeacher.__call__
    monkeypatch.setattr(ModelTeacher, '__call__',
                        lambda self, *args: looks.append(self) or look(self, *args))
    students = {STUDENT: subject.student.model, DISTILLED: subject.distilled.model}
    # student alone, teacher alone, both: which of them move, and how often a teacher looks
    for name, teachers in zip(CASES, (0, 1, 1)):
        looks.clear()
        before = {key: weights(model) for key, model in students.items()}
        subject.cases(batch)[name]()()
        moved = {key for key, model in students.items() if not weights(model).equal(before[key])}
        assert moved == {name} & set(students) and len(looks) == teachers


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_repeated_steps_see_the_same_annotations(tmp_path):
    subject, batch = bench(tmp_path)
    polygons = [p.copy() for s in batch['data_samples'] for p in s.gt_instances.polygons]
    for _ in range(2):
        subject.cases(batch)[DISTILLED]()()
    after = [p for s in batch['data_samples'] for p in s.gt_instances.polygons]
    assert all((a == b).all() for a, b in zip(polygons, after, strict=True))


@pytest.mark.parametrize('kind', ['hook', 'ctc'])
def test_a_slow_teacher_costs_its_time_once(kind, tmp_path, monkeypatch):
    """Both ratios are 1 where the teacher's time is all there is: its nap dwarfs the rest."""
    look = ModelTeacher.__call__
    naps = []
    monkeypatch.setattr(ModelTeacher, '__call__',
                        lambda self, *args: naps.append(1000) or look(self, *args))
    subject, batch = bench(tmp_path, kind)
    timings = benchmark_distill.interleave(subject.cases(batch), 2, 1,
                                           clock=lambda: time.perf_counter() + sum(naps))
    for ratio in benchmark_distill.ratios(timings).values():
        assert ratio.value == pytest.approx(1, abs=.02)


@pytest.mark.parametrize('kind', ['ctc', 'attention'])
def test_teacher_of_words_reads_the_large_ones_along_the_labels(kind, tmp_path):
    subject, batch = bench(tmp_path, kind, '--letters', '4')
    seen = {}
    teacher = subject.teachers[0].model
    teacher.backbone.register_forward_pre_hook(
        lambda module, images: seen.update(images=images[0], training=module.training))
    teacher.decoder.register_forward_hook(
        lambda module, _, output: seen.update(forced=module.training))
    subject.cases(batch)[TEACHER]()()
    small = batch['inputs'][0].shape
    assert seen['images'].shape == (2, small[0], 2 * small[1], 2 * small[2])
    assert seen['forced'] and not seen['training'] and not teacher.decoder.training


def test_step_without_distillation_needs_no_large_words(tmp_path):
    subject, batch = bench(tmp_path, 'ctc')
    for word in batch['hr_inputs']:
        word.resize_(0)
    assert set(subject.cases(batch)[STUDENT]()()) == {'loss', 'loss_hard'}
    with pytest.raises(RuntimeError):
        subject.cases(batch)[DISTILLED]()()


@pytest.mark.parametrize('kind', ['hook', 'ctc'])
def test_resident_memory_is_weights_and_optimizer(kind, tmp_path):
    subject, batch = bench(tmp_path, kind, '--cfg-options', 'optim_wrapper.optimizer.type=Adam')
    subject.cases(batch)[STUDENT]()()
    resident = subject.resident()
    model = subject.student.model
    parameters = sum(p.nbytes for p in model.parameters())
    buffers = sum(b.nbytes for b in model.buffers())
    steps = 4 * len(list(model.parameters()))  # Adam counts them per parameter
    assert parameters * 3 + buffers <= resident[STUDENT] <= parameters * 3 + buffers + steps
    saved = torch.load(tmp_path / 'teacher.pth')['state_dict'].values()
    assert resident[TEACHER] == sum(value.nbytes for value in saved)


@pytest.mark.parametrize('kind', ['hook', 'ctc'])
def test_real_data_comes_from_the_training_set(kind, tmp_path):
    subject, batch = bench(tmp_path, kind, '--real-data')
    paths = [sample.img_path for sample in batch['data_samples']]
    assert len(paths) == 2 and all('train' in path for path in paths)
    subject.cases(batch)[DISTILLED]()()


@pytest.mark.parametrize('kind', ['hook', 'ctc'])
def test_random_teacher_needs_no_checkpoint(kind, tmp_path):
    args = command(tmp_path, kind)
    (tmp_path / 'teacher.pth').unlink()
    with pytest.raises(FileNotFoundError, match='teacher'):
        benchmark_distill.prepare(benchmark_distill.parse_args(args), str(tmp_path))
    args = benchmark_distill.parse_args([*args, '--random-teacher'])
    subject, batch = benchmark_distill.prepare(args, str(tmp_path))
    subject.cases(batch)[DISTILLED]()()


def test_cfg_options_reach_the_config(tmp_path):
    subject, _ = bench(tmp_path, 'hook', '--cfg-options', 'optim_wrapper.optimizer.lr=0.125')
    assert subject.distilled.optim_wrapper.get_lr() == {'lr': [.125]}


def test_ratios_by_hand():
    seconds = ((1., 2., 3.), (2., 2., 2.), (4., 5., 6.))
    timings = {name: Timing(values) for name, values in zip(CASES, seconds)}
    ratios = benchmark_distill.ratios(timings)
    added = ratios[ADDED]
    assert (added.value, added.low, added.high) == (1.5, 1.5, 1.5)
    assert ratios[WHOLE].value == 1.25 and ratios[WHOLE].low == 1.2
    noisy = {**timings, DISTILLED: Timing((4., 5., 16.))}
    added = benchmark_distill.ratios(noisy)[ADDED]
    assert added.value == 1.5 == added.low < added.high


@pytest.mark.parametrize('title, distilled, verdict', [
    (ADDED, 3.0, 'met'), (ADDED, 3.2, 'missed'), (WHOLE, 3.2, 'met'), (WHOLE, 3.4, 'missed')])
def test_verdict(title, distilled, verdict):
    timings = {name: Timing((t, t)) for name, t in zip(CASES, (1., 2., distilled))}
    resident = dict.fromkeys(CASES, 0)
    text = benchmark_distill.report(timings, resident, dict(zip(CASES, (10, 4, 12))),
                                    {title: 1.05 if title == ADDED else 1.10})
    time_line, = [line for line in text.splitlines() if 'target' in line]
    assert time_line.endswith(verdict) and text.partition(title)[2].startswith(f'\n{time_line}')
    assert 'memory  0.500' in text


def test_help(capsys):
    with pytest.raises(SystemExit):
        benchmark_distill.main(['--help'])
    assert 'take turns' in capsys.readouterr().out
