import json
import re
import subprocess
import sys

import cost_table
import pytest
import tiny
import tiny_dld
import torch
from conftest import ROOT
from mmocr.registry import MODELS

from mmocr_kd.measure import product_macs

SIZE = ('--size', '96', '160', '--words', '2')


def written(folder, model=None, **fields):
    path = folder / 'config.py'
    path.write_text(f"default_scope = 'mmocr'\nmodel = {model or tiny_dld.dld_cfg(**fields)!r}\n")
    return str(path)


def said(capsys, *arguments):
    cost_table.main([*arguments])
    return capsys.readouterr().out


def columns(text):
    """Column name -> cells, and the shares beside it, of the Markdown table."""
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in text.splitlines() if line.startswith('|')]
    header, body = rows[0], list(zip(*rows[2:]))
    return {name: (body[i], body[i + 1] if i > 1 else None)
            for i, name in enumerate(header) if name != 'relative'}


def pasted(text, name):
    """Fields of a selector, as a user pastes them."""
    (line, ) = [line for line in text.splitlines() if line.startswith(f'{name}: ')]
    return eval(f'dict({line.removeprefix(name)[2:]})')


def test_runs_as_a_program_and_times(tmp_path):
    run = subprocess.run(
        [sys.executable, ROOT / 'tools/cost_table.py', written(tmp_path), *SIZE, '--repeats', '2',
         '--cpu-time'], capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert 'median of 2 rounds, 1 CPU thread(s), CPU time' in run.stdout
    table = columns(run.stdout)
    assert table['scale'][0] == ('0.3', '0.5', '0.8', '1 (teacher)')
    assert table['input'][0] == ('32x64', '64x96', '96x128', '96x160')
    assert set(table) == {'scale', 'input', 'published G', 'honest G', 'published ms', 'honest ms'}
    for name in ('published ms', 'honest ms'):
        cells, shares = table[name]
        assert all(float(cell) > 0 for cell in cells) and shares[-1] == '1.000'
    assert pasted(run.stdout, 'honest')['full_ms'] == float(table['honest ms'][0][-1])


def test_lines_are_fields_of_a_selector(tmp_path, capsys):
    text = said(capsys, written(tmp_path), '--size', '512', '768', '--repeats', '0')
    assert 'not timed' in text
    for name in ('published', 'honest'):
        fields = pasted(text, name)
        assert set(fields) == {'costs'}
        selector = MODELS.build(tiny_dld.selector_cfg(**fields))
        _, shares = columns(text)[f'{name} G']
        own = float(re.search(r'G, ([\d.]+)% of the teacher', text)[1]) / 100
        assert selector.costs.tolist() == pytest.approx(
            [float(share) - own * (name == 'honest') for share in shares[:-1]], abs=.0015)


def test_measured_costs_know_of_padding(tmp_path, capsys):
    """At 224 pixels, 0.8 and 0.857 are both padded to 192: the larger one is free."""
    text = said(capsys, written(tmp_path), '--size', '224', '224', '--repeats', '0', '--scales',
                '.5', '.8', '.857')
    selector = MODELS.build({'type': 'ResolutionSelector', 'scale_factors': [.5, .8, .857],
                             **pasted(text, 'honest')})
    assert selector.costs[1] == selector.costs[2] > .857**2 > .8**2


def test_what_is_printed_is_what_was_counted(tmp_path):
    args = cost_table.parse_args([written(tmp_path), *SIZE, '--repeats', '0'])
    passes, scales = cost_table.prepare(args)
    costs = cost_table.measure(args, passes, scales)
    published, honest = costs.tables['published'], costs.tables['honest']
    assert costs.selector == product_macs(passes.choose) > 0
    extra = {have - bare - costs.selector
             for have, bare in zip(honest.costs, published.costs)}
    assert extra == {honest.reference - published.reference}  # reading, the same at every scale
    text = '\n'.join(cost_table.lines(costs))
    share = costs.selector / honest.reference
    assert f"{share:.1%} of the teacher's honest cost" in text
    assert f'{costs.selector / honest.costs[0]:.1%} at 0.3' in text


@pytest.mark.parametrize('model', [tiny_dld.student_cfg(), tiny.dbnet_cfg(), tiny_dld.dld_cfg(
    selector=False, scale_factors=[.5])])
def test_plain_models_and_fixed_scales(model, tmp_path, capsys):
    text = said(capsys, written(tmp_path, model), *SIZE, '--repeats', '0')
    fixed = model['type'] == 'DLDTextSpotter'
    assert columns(text)['scale'][0][:-1] == (
        ('0.5', ) if fixed else ('0.3', '0.4', '0.5', '0.6', '0.7', '0.8'))
    assert 'selector: 0.00 G, 0.0%' in text
    if model['type'] == 'DBNet':
        assert pasted(text, 'published') == pasted(text, 'honest')


def test_scales_of_the_command_line_and_mean_of_a_test_run(tmp_path, capsys):
    results = tmp_path / 'scalars.json'
    results.write_text(json.dumps({'resolution/hist_0.5': .25, 'resolution/hist_1': .75,
                                   'resolution/mean_scale': .9, 'e2e/none_hmean': .3}))
    text = said(capsys, written(tmp_path, tiny_dld.student_cfg()), *SIZE, '--repeats', '0',
                '--scales', '1', '.5', '--results', str(results))
    _, (half, *_) = columns(text)['published G']
    found = re.search(r'published ([\d.]+), honest ([\d.]+)', text.splitlines()[-1])
    assert float(found[1]) == pytest.approx(.25 * float(half) + .75, abs=.002)
    assert float(found[1]) < float(found[2]) < 1
    with pytest.raises(SystemExit, match=r"must hold \['hist_0.4'\]"):
        cost_table.main([written(tmp_path), *SIZE, '--scales', '.4', '--results', str(results)])


def test_every_data_set_of_a_test_run_has_its_mean(tmp_path, capsys):
    results = tmp_path / 'scalars.json'
    results.write_text(json.dumps({
        'small/resolution/hist_0.5': 1., 'small/resolution/hist_1': 0., 'small/e2e/hmean': .1,
        'large/resolution/hist_0.5': 0., 'large/resolution/hist_1': 1.}))
    text = said(capsys, written(tmp_path, tiny_dld.student_cfg()), *SIZE, '--repeats', '0',
                '--scales', '.5', '1', '--results', str(results))
    _, (half, *_) = columns(text)['published G']
    found = dict(re.findall(r'mean over the images of (\w+): published ([\d.]+)', text))
    assert found == {'small': half, 'large': '1.000'}


def test_weights_are_loaded_strictly(tmp_path, capsys):
    path = written(tmp_path)
    model = tiny_dld.shake(MODELS.build(tiny_dld.dld_cfg()))
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'dld.pth')
    args = cost_table.parse_args([path, *SIZE, '--checkpoint', str(tmp_path / 'dld.pth')])
    found, _ = cost_table.load(args)
    assert all(value.equal(found.state_dict()[key]) for key, value in model.state_dict().items())
    assert not found.training
    torch.save({'state_dict': model.student.state_dict()}, tmp_path / 'plain.pth')
    for name, words in [('plain.pth', 'plain.pth does not fit'), ('no.pth', 'cannot be read')]:
        with pytest.raises(SystemExit, match=words):
            cost_table.main([path, *SIZE, '--checkpoint', str(tmp_path / name)])


def test_one_round_is_not_enough(tmp_path, capsys):
    with pytest.raises(SystemExit):
        cost_table.parse_args(['a.py', *SIZE, '--repeats', '1'])
    assert '--repeats=1 must be 0 or at least 2' in capsys.readouterr().err
