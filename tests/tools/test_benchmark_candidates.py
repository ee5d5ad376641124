import re
import subprocess
import sys

import benchmark_candidates
import pytest
import torch
from benchmark_candidates import ALONE, BATCHED, BFLOAT16, OFFICIAL
from conftest import ROOT
from tiny_spotter import spotter_cfg

from mmocr_kd.measure import Timing

SMALL = ('--size', '64', '96', '--batch-size', '2', '--words', '2', '--scales', '.5', '1',
         '--iters', '2', '--warmup', '0')


def config(folder, model=None):
    path = folder / 'spotter.py'
    path.write_text(f"default_scope = 'mmocr'\nmodel = {model or spotter_cfg()!r}\n")
    return str(path)


def reader(folder, *options, model=None):
    args = benchmark_candidates.parse_args([config(folder, model), *SMALL, *options])
    return benchmark_candidates.prepare(args)


def lively(found):
    """With statistics of batch normalisation that let a net of random weights tell words apart."""
    for module in found.spotter.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # means of all batches
    found.spotter.train()
    found.one_by_one()
    return found


def buffers(found):
    return {name: value.clone() for name, value in found.spotter.named_buffers()}


def test_both_ways_read_the_same(tmp_path):
    found = lively(reader(tmp_path, '--batch-size', '3'))
    found.spotter.eval()
    together, alone = found.batched(), found.one_by_one()
    assert together.shape == alone.shape and together.shape[:2] == (2, 6)
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
    for axis in (0, 1):  # scales, words: else it would prove nothing
        assert together.std(axis).max() > 1e-3
    assert not together.requires_grad and not alone.requires_grad


def test_precision_changes_logits_by_rounding_only(tmp_path):
    found = lively(reader(tmp_path))
    reference, rounded = found.batched(), found.batched(torch.bfloat16)
    assert rounded.dtype == torch.float32
    assert 0 < (rounded - reference).abs().max() < .1 * reference.abs().max()


def test_only_the_official_way_moves_statistics(tmp_path):
    found = reader(tmp_path)
    cases, before = found.cases(), buffers(found)
    for name in (BATCHED, ALONE, BFLOAT16):
        cases[name]()()
    assert all(value.equal(before[name]) for name, value in buffers(found).items())
    cases[OFFICIAL]()()
    moved = [name for name, value in buffers(found).items() if not value.equal(before[name])]
    assert moved and all('recognizer' in name for name in moved)
    passes = [value for name, value in buffers(found).items()
              if name in moved and 'num_batches_tracked' in name]
    assert {value.item() for value in passes} == {2 * 2}  # images x scales


def test_official_way_counts_images_and_scales(tmp_path):
    found = reader(tmp_path, '--batch-size', '3', '--scales', '.3', '.5', '.9', '1')
    seen = []
    found.spotter.recognizer.backbone.register_forward_pre_hook(
        lambda _, args: seen.append(len(args[0])))
    found.one_by_one()
    assert seen == [2] * 12  # words of one image at one scale
    seen.clear()
    found.batched()
    assert seen == [2 * 3 * 4]


def test_runs_as_a_program_also_on_a_config_of_dld(tmp_path):
    path = config(tmp_path, {'type': 'DLDTextSpotter', 'student': spotter_cfg(),
                             'scale_factors': [.5]})
    run = subprocess.run(
        [sys.executable, ROOT / 'tools/benchmark_candidates.py', path, *SMALL, '--cpu-time'],
        capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert '2 images of (3, 64, 96) with 4 words, 2 scales' in run.stdout
    assert 'CPU time' in run.stdout and 'target >= 2: ' in run.stdout
    for name in (BATCHED, ALONE, OFFICIAL, BFLOAT16):
        (line, ) = [line for line in run.stdout.splitlines() if re.match(rf'{name}  ', line)]
        median, first, third, gain = map(float, re.findall(r'[\d.]+\d', line[24:]))
        assert 0 < first <= median <= third and gain > 0


@pytest.mark.parametrize('seconds, verdict', [(2., 'met'), (1.9, 'missed')])
def test_verdict(seconds, verdict):
    timings = {BATCHED: Timing((1., 1.)), OFFICIAL: Timing((seconds, ) * 2)}
    text = benchmark_candidates.report(timings)
    assert text.endswith(f'{seconds:.2f} - {seconds:.2f}), target >= 2: {verdict}')
    assert text.splitlines()[1].split()[-1] == f'{seconds:.2f}'
