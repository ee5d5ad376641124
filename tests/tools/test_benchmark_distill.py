import re
import time

import benchmark_distill
import pytest
import torch
from tiny_configs import distilling

from mmocr_kd.distill import ModelTeacher
from mmocr_kd.measure import Timing

CASES = (benchmark_distill.STUDENT, benchmark_distill.TEACHER, benchmark_distill.DISTILLED)


def bench(tmp_path, config, *options):
    args = benchmark_distill.parse_args(
        [str(config), '--batch-size', '2', '--size', '64', '96', *options])
    return benchmark_distill.prepare(args, str(tmp_path))


@pytest.mark.parametrize('kind', ['hook', 'wrapper'])
def test_prints_all_three_and_the_ratios(kind, tmp_path, capsys):
    benchmark_distill.main([str(distilling(tmp_path, kind)), '--batch-size', '2', '--size', '64',
                            '96', '--iters', '3', '--warmup', '1', '--threads', '1'])
    said = capsys.readouterr().out
    assert '2 x (3, 64, 96) on' in said and '1 CPU threads, 3 rounds after 1' in said
    numbers = {name: [float(n) for n in re.findall(r'[\d.]+', line)]
               for line in said.splitlines() for name in CASES if line.startswith(name)}
    assert set(numbers) == set(CASES)
    for median, first, third, peak, resident in numbers.values():
        assert 0 < first <= median <= third and 0 < resident < peak
    peak = {name: values[3] for name, values in numbers.items()}
    assert peak[CASES[2]] > peak[CASES[0]]
    assert re.search(r'time +[-\d.]+ .*target <= 1.05: (met|missed)', said)
    assert re.search(r'memory +[\d.]+ ', said)


@pytest.mark.parametrize('kind', ['hook', 'wrapper'])
def test_each_case_does_what_it_says(kind, tmp_path, monkeypatch):
    """Also with a schedule that would start later."""
    subject = bench(tmp_path, distilling(tmp_path, kind))
    looks = []
    look = ModelTeacher.__call__
    monkeypatch.setattr(ModelTeacher, '__call__',
                        lambda self, *args: looks.append(self) or look(self, *args))
    students = {CASES[0]: subject.student.model, CASES[2]: subject.distilled.model}
    # student alone, teacher alone, both: which of them move, and how often a teacher looks
    for name, teachers in zip(CASES, (0, 1, 1)):
        looks.clear()
        before = {key: _weights(model) for key, model in students.items()}
        subject.cases()[name]()()
        moved = {key for key, model in students.items() if not _weights(model).equal(before[key])}
        assert moved == {name} & set(students) and len(looks) == teachers


def _weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_repeated_steps_see_the_same_annotations(tmp_path):
    subject = bench(tmp_path, distilling(tmp_path))
    polygons = [p.copy() for s in subject.batch['data_samples'] for p in s.gt_instances.polygons]
    for _ in range(2):
        subject.cases()[CASES[2]]()()
    after = [p for s in subject.batch['data_samples'] for p in s.gt_instances.polygons]
    assert all((a == b).all() for a, b in zip(polygons, after, strict=True))


def test_a_slow_teacher_costs_its_time_once(tmp_path, monkeypatch):
    """The ratio is 1 where the teacher's time is all there is; its nap dwarfs everything else."""
    look = ModelTeacher.__call__

    def slow(self, *args):
        time.sleep(1)
        return look(self, *args)

    monkeypatch.setattr(ModelTeacher, '__call__', slow)
    subject = bench(tmp_path, distilling(tmp_path))
    timings = benchmark_distill.interleave(subject.cases(), 2, 1)
    assert benchmark_distill.overhead(timings)[0] == pytest.approx(1, abs=.2)


def test_resident_memory_is_weights_and_optimizer(tmp_path):
    config = distilling(tmp_path, optim_wrapper={'optimizer': {'type': 'Adam', 'lr': .01}})
    subject = bench(tmp_path, config)
    subject.cases()[CASES[0]]()()
    resident = subject.resident()
    model = subject.student.model
    weights = sum(p.nbytes for p in model.parameters())
    buffers = sum(b.nbytes for b in model.buffers())
    steps = 4 * len(list(model.parameters()))  # Adam counts them per parameter
    assert weights * 3 + buffers <= resident[CASES[0]] <= weights * 3 + buffers + steps
    saved = torch.load(tmp_path / 'teacher.pth')['state_dict'].values()
    assert resident[CASES[1]] == sum(value.nbytes for value in saved)


def test_synthetic_batch_is_what_a_pipeline_packs():
    batch = benchmark_distill.synthetic_batch(3, (64, 96), polygons=5)
    assert [tuple(image.shape) for image in batch['inputs']] == [(3, 64, 96)] * 3
    for sample in batch['data_samples']:
        polygons = torch.tensor([p.tolist() for p in sample.gt_instances.polygons]).view(5, 4, 2)
        assert (polygons >= 0).all() and (polygons <= torch.tensor([96, 64])).all()
        assert sample.img_shape == (64, 96) and not sample.gt_instances.ignored.any()
        width, height = (polygons.amax(1) - polygons.amin(1)).unbind(1)
        assert (width > 0).all() and (height > 0).all()


def test_real_data_comes_from_the_training_set(tmp_path):
    subject = bench(tmp_path, distilling(tmp_path), '--real-data')
    paths = [sample.img_path for sample in subject.batch['data_samples']]
    assert len(paths) == 2 and all('train' in path for path in paths)
    subject.cases()[CASES[2]]()()


def test_random_teacher_needs_no_checkpoint(tmp_path):
    config = distilling(tmp_path)
    (tmp_path / 'teacher.pth').unlink()
    with pytest.raises(FileNotFoundError, match='teacher'):
        bench(tmp_path, config)
    bench(tmp_path, config, '--random-teacher').cases()[CASES[1]]()()


def test_cfg_options_reach_the_config(tmp_path):
    subject = bench(tmp_path, distilling(tmp_path), '--cfg-options',
                    'optim_wrapper.optimizer.lr=0.125')
    assert subject.distilled.optim_wrapper.get_lr() == {'lr': [.125]}


def test_overhead_by_hand():
    timings = dict(zip(CASES, (Timing((1., 2., 3.)), Timing((2., 2., 2.)), Timing((4., 5., 6.)))))
    assert benchmark_distill.overhead(timings) == (1.5, 1.5, 1.5)
    noisy = dict(timings, **{CASES[2]: Timing((4., 5., 16.))})
    ratio, low, high = benchmark_distill.overhead(noisy)
    assert ratio == 1.5 and low == 1.5 and high > ratio


def test_help_and_verdict(capsys):
    with pytest.raises(SystemExit):
        benchmark_distill.main(['--help'])
    assert 'take turns' in capsys.readouterr().out
    for distilled, verdict in ((3.0, 'met'), (3.2, 'missed')):
        timings = {name: Timing((t, t)) for name, t in zip(CASES, (1., 2., distilled))}
        resident = dict.fromkeys(CASES, 0)
        text = benchmark_distill.report(timings, resident, dict(zip(CASES, (10, 4, 12))))
        assert text.splitlines()[-2].endswith(verdict) and 'memory  0.500' in text
