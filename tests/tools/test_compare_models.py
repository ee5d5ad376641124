import json
import re

import compare_models
import pytest
import tiny
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmocr.registry import MODELS
from tiny_configs import distilling
from torch import nn

from mmocr_kd.measure import product_macs


def saved(tmp_path, kind='hook', **fields):
    """CONFIG:CHECKPOINT of a tiny detector."""
    config = distilling(tmp_path, kind, **fields)
    tiny.checkpoint(tmp_path / f'{kind}.pth', Config.fromfile(config).model)
    return f'{config}:{tmp_path / kind}.pth'


def table(text):
    """Column name -> cells, of a Markdown table."""
    lines = [[cell.strip() for cell in line.strip('|').split('|')]
             for line in text.splitlines() if line.startswith('|')]
    assert {len(line) for line in lines} == {len(lines[0])} and set(lines[1][0]) == {'-'}
    return dict(zip(lines[0], zip(*lines[2:])))


def test_table_of_a_student_and_a_wider_one(tmp_path, capsys):
    student = saved(tmp_path)
    wide = saved(tmp_path, 'wide', model=tiny.dbnet_cfg(width=1., neck=16))
    metrics = tmp_path / 'metrics.json'
    metrics.write_text(json.dumps({'icdar/hmean': .5, 'icdar/precision': .25, 'icdar/recall': 1,
                                   'time': 3.}))
    bare = tmp_path / 'bare.json'
    bare.write_text('{"IC15/hmean": 0.125}')
    out = tmp_path / 'deep/table.md'
    compare_models.main([student, wide, '--names', 'thin', 'wide', '--metrics', str(metrics),
                         str(bare), '--iters', '3', '--out', str(out)])
    said = capsys.readouterr().out
    assert out.read_text() == said and 'Input 3 x 64 x 96' in said
    cells = table(said)
    assert cells['model'] == ('thin', 'wide')
    assert cells['hmean'] == ('0.5000', '0.1250') and cells['precision'] == ('0.2500', '-')
    for column in ('params M', 'GFLOPs', 'MB'):
        assert 0 <= float(cells[column][0]) < float(cells[column][1])
    assert all(float(cell) > 0 for cell in cells['CPU ms'])  # which is faster, only load decides
    weights = torch.load(tmp_path / 'wide.pth')['state_dict'].values()
    assert float(cells['MB'][1]) == pytest.approx(sum(w.nbytes for w in weights) / 1e6, abs=.006)


def test_a_wrapper_counts_as_the_student_it_leaves(tmp_path, capsys):
    compare_models.main([saved(tmp_path), saved(tmp_path, 'wrapper'), '--iters', '2'])
    cells = table(capsys.readouterr().out)
    assert cells['model'] == ('hook', 'wrapper') and cells['hmean'] == ('-', '-')
    for column in ('params M', 'GFLOPs', 'MB'):
        assert cells[column][0] == cells[column][1]


def test_reads_what_a_test_run_writes(tmp_path):
    cfg = Config.fromfile(distilling(tmp_path, default_hooks={}))
    cfg.merge_from_dict({'test_cfg': {'type': 'TestLoop'}, 'work_dir': str(tmp_path / 'test'),
                         'test_evaluator': {'type': 'HmeanIOUMetric'}, 'log_level': 'ERROR'})
    for key in ('train_dataloader', 'val_dataloader', 'optim_wrapper', 'custom_hooks'):
        cfg.pop(key)
    scores = Runner.from_cfg(cfg).test()
    (path, ) = (tmp_path / 'test').glob('*/*.json')
    assert compare_models.read_metrics(path) == {
        name: scores[f'icdar/{name}'] for name in compare_models.METRICS}


@pytest.mark.parametrize('kind', ['DCN', 'DCNv2'])
def test_deformable_convolutions_count_like_plain_ones(kind):
    layer = MODELS.build({'type': kind, 'in_channels': 3, 'out_channels': 6, 'kernel_size': 3,
                          'stride': 2, 'padding': 1})
    image = torch.zeros(1, 3, 16, 24)
    plain = 8 * 12 * 6 * 3 * 9
    offsets = 8 * 12 * layer.conv_offset.out_channels * 3 * 9
    assert product_macs(lambda: layer(image)) == plain + offsets
    assert product_macs(lambda: nn.Conv2d(3, 6, 3, 2, 1)(image)) == plain


def test_size_is_that_of_the_padded_test_image(tmp_path):
    row = compare_models.load_row(saved(tmp_path), None, None)
    row.cfg.test_dataloader.dataset.pipeline[1].scale = (120, 80)
    assert compare_models.test_size(row) == (96, 128)


@pytest.mark.parametrize('argument, words', [
    ('only.py', 'must be CONFIG:CHECKPOINT'),
    ('mmocr::only.py', 'must be CONFIG:CHECKPOINT'),
    ('none.py:a.pth', 'none.py'),
    ('{config}:none.pth', 'none.pth cannot be read'),
])
def test_bad_arguments_are_named(argument, words, tmp_path):
    argument = argument.format(config=distilling(tmp_path))
    with pytest.raises(SystemExit, match=words):
        compare_models.main([argument])


@pytest.mark.parametrize('content, words', [
    ('{"loss": 1}', r"one '.../hmean', it has \[\] in \['loss'\]"),
    ('{"a/hmean": 1, "b/hmean": 1}', "'a/hmean', 'b/hmean'"),
    ('nothing', 'Expecting value'),
])
def test_bad_metrics_are_named(content, words, tmp_path):
    (tmp_path / 'metrics.json').write_text(content)
    with pytest.raises(ValueError, match=words):
        compare_models.read_metrics(tmp_path / 'metrics.json')


def test_missing_test_data_asks_for_the_size(tmp_path):
    row = compare_models.load_row(saved(tmp_path), 'student', None)
    row.cfg.test_dataloader.dataset = {'type': 'OCRDataset', 'ann_file': 'none.json'}
    with pytest.raises(SystemExit, match='no test image of student, give --size'):
        compare_models.test_size(row)


def test_one_name_per_model(tmp_path, capsys):
    with pytest.raises(SystemExit):
        compare_models.main(['a:b', 'c:d', '--names', 'only one'])
    assert '--names needs one value per model (2)' in capsys.readouterr().err


def test_columns_line_up():
    text = compare_models.to_markdown(['model', 'ms'], [['a', '1.0'], ['longer', '100.0']])
    assert len({len(line) for line in text.splitlines()}) == 1
    assert re.search(r'\| a +\| +1\.0 \|', text)
