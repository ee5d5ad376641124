import re

import benchmark_lean
import pytest
from benchmark_lean import HALF, LAST, PLAIN, PREPARED, TEACHER
from fake_device import FakeDevice
from mmengine.config import Config
from tiny_configs import distilling

SMALL = ['--batch-size', '2', '--size', '64', '96', '--polygons', '2', '--iters', '2', '--warmup',
         '1', '--threads', '1']


@pytest.mark.parametrize('kind', ['hook', 'wrapper'])
def test_prints_each_way_and_its_effect(kind, tmp_path, capsys):
    benchmark_lean.main([str(distilling(tmp_path, kind)), *SMALL])
    said = capsys.readouterr().out
    assert '2 x (3, 64, 96) on' in said and '2 rounds after 1' in said
    for name in (PLAIN, PREPARED, LAST, TEACHER, HALF):
        line, = re.findall(rf'^{re.escape(name)} .*', said, re.M)
        median, first, third, ratio, *_ = (float(n) for n in re.findall(r'\d+\.\d+', line))
        assert 0 < first <= median <= third and ratio > 0
        assert name not in (PLAIN, TEACHER) or ratio == 1


def test_a_plain_detector_has_no_teacher_to_time(tmp_path, capsys):
    config = Config.fromfile(distilling(tmp_path))
    config.pop('custom_hooks')
    config.dump(str(tmp_path / 'plain.py'))
    benchmark_lean.main([str(tmp_path / 'plain.py'), *SMALL])
    assert TEACHER not in capsys.readouterr().out


def test_runs_on_a_gpu(tmp_path, monkeypatch):
    cfg, args = Config.fromfile(distilling(tmp_path)), benchmark_lean.parse_args(['x', *SMALL])
    with FakeDevice() as fake:
        monkeypatch.setattr(benchmark_lean, '_device', lambda: fake.device)
        for prepare in (benchmark_lean.student_cases(cfg, args)
                        | benchmark_lean.teacher_cases(cfg, args, str(tmp_path))).values():
            prepare()()
