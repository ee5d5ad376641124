import re
import subprocess
import sys
import time

import benchmark_k_best
import pytest
import torch
from benchmark_k_best import BATCHED, BEST_FIRST, LIMITED
from conftest import ROOT

from mmocr_kd.measure import Timing

SMALL = ('--words', '5', '--steps', '9', '--classes', '12', '--letters', '6', '--iters', '2',
         '--warmup', '0')


def rows(said):
    """Of each teacher, name -> numbers of the table."""
    return [{name: [float(n) for n in re.findall(r'[\d.]+', line.removeprefix(name))]
             for line in table.splitlines() for name in (BATCHED, BEST_FIRST, LIMITED)
             if line.startswith(f'{name} ') and '/' not in line}
            for table in said.split('teacher with')[1:]]


def test_runs_as_a_program(tmp_path):
    run = subprocess.run(
        [sys.executable, ROOT / 'tools/benchmark_k_best.py', *SMALL, '--margin', '20', '12',
         '--cpu-time'], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert '5 words' in run.stdout and 'CPU time' in run.stdout
    tables = rows(run.stdout)
    assert len(tables) == 2 and run.stdout.count('target >= 10: ') == 2
    for table in tables:
        assert set(table) == {BATCHED, BEST_FIRST, LIMITED}
        for median, first, third, same, words, ratio in table.values():
            assert 0 < first <= median <= third and same <= words == 5 and ratio > 0
        assert table[BATCHED][3:] == [5, 5, 1] and table[BEST_FIRST][3] == 5


def test_the_limit_costs_exactness(capsys):
    benchmark_k_best.main([*SMALL, '--margin', '9', '--limit', '7'])
    (table, ) = rows(capsys.readouterr().out)
    assert table[LIMITED][3] < table[BEST_FIRST][3] == 5


@pytest.mark.parametrize('margin, sure', [(100., 1.), (20., .8), (0., .05)])
def test_made_up_teachers_spell_words_more_or_less_surely(margin, sure):
    args = benchmark_k_best.parse_args([])
    probs = benchmark_k_best.made_up_teacher(args, margin).exp()
    assert probs.shape == (64, 26, 37)
    assert torch.allclose(probs.sum(-1), torch.ones(64, 26))
    assert probs.amax(-1).mean().item() == pytest.approx(sure, abs=.02)
    if margin:
        read = probs.argmax(-1)
        letters = (read != 36).sum(1)
        assert letters.min() == 1 and letters.max() == 12
        assert all((word[n:] == 36).all() for word, n in zip(read, letters))


@pytest.mark.parametrize('seconds, verdict', [(10., 'met'), (9.9, 'missed')])
def test_verdict_and_agreement(seconds, verdict):
    timings = {BATCHED: Timing((1., 1.)), BEST_FIRST: Timing((seconds, ) * 2),
               LIMITED: Timing((5., 5.))}
    found = {BATCHED: [[(0, 1)], [(2, )]], BEST_FIRST: [[(0, 1)], [(2, )]],
             LIMITED: [[(0, 1)], [(1, )]]}
    text = benchmark_k_best.report(timings, found)
    assert text.endswith(f'{seconds:.1f} - {seconds:.1f}), target >= 10: {verdict}')
    assert ' 2 of 2 ' in text.splitlines()[2] and ' 1 of 2 ' in text.splitlines()[3]


def test_time_is_that_of_one_run(monkeypatch):
    args = benchmark_k_best.parse_args(['--repeat', '4', '--iters', '3', '--warmup', '2'])
    runs = []
    monkeypatch.setattr(time, 'perf_counter', lambda: .5 * len(runs))  # half a second each
    timings = benchmark_k_best.time_searches(args, {'slow': lambda: runs.append(1), 'none': list})
    assert len(runs) == 4 * (3 + 2)
    assert timings['slow'].seconds == (.5, .5, .5) and timings['none'].seconds == (0, 0, 0)


def test_batched_paths_end_where_their_lengths_say():
    paths = benchmark_k_best.Paths(torch.tensor([[[1, 2, 2], [0, 1, 2]]]), torch.tensor([[2, 3]]),
                                   torch.zeros(1, 2))
    assert benchmark_k_best.read_batched(paths) == [[(1, 2), (0, 1, 2)]]
