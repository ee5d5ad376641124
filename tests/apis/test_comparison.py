"""Runs of a table are trained once, scored once, and paired."""
import csv
import json

import pytest
import tiny_table
import torch
from mmengine.config import Config
from tiny_table import HereEngine, finish

from mmocr_kd.apis.comparison import Comparison, read_table
from mmocr_kd.apis.comparison.pairing import digests
from mmocr_kd.apis.comparison.rows import COLUMNS
from mmocr_kd.apis.comparison.scoring import counts_file
from mmocr_kd.measure.counts import Counts, score


@pytest.fixture
def made_up(tmp_path):
    """Two seeds of two arms, finished: the second finds more."""
    comparison = tiny_table.comparison(tmp_path)
    for run in comparison.runs:
        finish(run, 1 + (run.arm.name == 'fast'))
    return comparison


def test_from_nothing_to_a_table(tmp_path):
    """One run is killed twice, and goes on in the next command."""
    comparison = tiny_table.comparison(tmp_path)
    assert [run.name for run in comparison.runs] == ['plain/0', 'fast/0', 'plain/1', 'fast/1']
    engine = HereEngine(fast_0=2)
    todo = comparison.missing()
    assert todo == comparison.runs
    ended = {one.run.name: one.trouble for one in comparison.train(engine, todo)}
    assert engine.ran == ['plain/0', 'fast/0', 'plain/1', 'fast/1', 'fast/0']
    assert [name for name, trouble in ended.items() if trouble] == ['fast/0']
    assert 'out of memory' in ended['fast/0']
    assert dict((run.name, state) for run, state in comparison.states()) == {
        'plain/0': 'finished', 'fast/0': 'failed', 'plain/1': 'finished', 'fast/1': 'finished'}
    todo, engine = comparison.missing(), HereEngine()
    assert [one.trouble for one in comparison.train(engine, todo)] == ['']
    assert engine.ran == ['fast/0'] and comparison.missing() == []

    assert [one.trouble for one in comparison.score(
        engine, 'val', comparison.unscored('val'))] == [''] * 4
    assert comparison.unscored('val') == [] and comparison.unpaired() == []
    for run in comparison.runs:
        _is_what_training_logged(run)
    start = {run.seed: digests(run.folder)[0] for run in comparison.runs}
    assert start[0] != start[1]


def _is_what_training_logged(run):
    """The best hmean over thresholds is that of MMEngine's validation after the last epoch."""
    lines = [json.loads(line) for file in run.folder.glob('*/vis_data/scalars.json')
             for line in file.read_text().splitlines()]
    logged = [line['icdar/hmean'] for line in lines if 'icdar/hmean' in line]
    counts = Counts.load(counts_file(run.folder, 'val'))
    assert score(counts.stacked().sum(0), 'detection').max() == pytest.approx(logged[-1])
    assert len(counts.names) == 4


def test_a_training_that_ends_early_has_failed(tmp_path):
    class Nothing:
        def run(self, jobs):
            for job in jobs:
                job.log.write_text('stopped early')
                yield job.name, 0

    comparison = tiny_table.comparison(tmp_path, seeds=[0])
    ended = list(comparison.train(Nothing(), comparison.missing()))
    assert all('stopped early' in one.trouble for one in ended) and len(ended) == 2


def test_mends_before_each_try(tmp_path):
    """A checkpoint is cut short by what kills the first try; the second would fail at it."""
    comparison = tiny_table.comparison(tmp_path, seeds=[0], arms=dict(plain=dict(
        config='plain.py')))
    run, = comparison.missing()

    class Killed(HereEngine):
        def run(self, jobs):
            for name, status in super().run(jobs):
                if status:
                    (run.folder / 'epoch_1.pth').write_bytes(b'PK')
                yield name, status

    assert [one.trouble for one in comparison.train(Killed(plain_0=1), [run])] == ['']


def test_the_report_pairs_by_seed(made_up):
    report = made_up.report('val')
    assert [arm.name for arm in report.arms] == ['plain', 'fast']
    assert report.differences[0].seeds == (0, 1)
    # 2 hits of 4 predictions and 6 words at the middle threshold; 4 hits of 6 and 6.
    assert report.differences[0].mean == pytest.approx(8 / 12 - 4 / 10)
    against, = made_up.report('val', 'fast').differences
    assert (against.arm, against.mean) == ('plain', -report.differences[0].mean)


def test_what_would_matter_stands_in_the_table(tmp_path):
    comparison = tiny_table.comparison(tmp_path, smallest=.3)
    for run in comparison.runs:
        finish(run)
    found, = comparison.report('val').differences
    assert (found.smallest, found.verdict) == (.3, 'no gain')


def test_disagreement_drops_a_seed(made_up):
    runs = {run.name: run for run in made_up.runs}
    finish(runs['fast/1'], 2, images='other')
    assert [*map(str, made_up.unpaired())] == [
        'arm fast, seed 1: other images from step 50 on; not paired']
    assert made_up.report('val').differences[0].seeds == (0, )
    finish(runs['fast/0'], 2, start='other')
    assert 'arm fast, seed 0: other start weights; not paired' in map(str, made_up.unpaired())
    assert made_up.report('val').differences == []
    (runs['fast/0'].folder / 'pairing.json').unlink()
    assert 'no pairing.json in' in str(made_up.unpaired()[0])


def test_a_student_of_its_own_starts_from_its_own_weights(made_up):
    finish(made_up.runs[1], 2, start='other', shape=(4, ))
    assert made_up.unpaired() == []


def test_an_arm_with_other_data_says_so(tmp_path):
    arms = dict(plain=dict(config='plain.py'), more=dict(config='plain.py', paired=False))
    comparison = tiny_table.comparison(tmp_path, arms=arms)
    for run in comparison.runs:
        finish(run, images=run.arm.name)
    assert comparison.unpaired() == []
    assert comparison.report('val').differences[0].seeds == (0, 1)


def test_thresholds_come_from_validation(made_up):
    run = made_up.runs[0]
    finish(run, 1, splits=['val'])
    finish(made_up.runs[0], 0, splits=['test'])  # best at .7 there
    row = made_up.rows('test')[0]
    assert (row['threshold'], row['hits'], row['preds'], row['gts']) == ('0.50', 0, 2, 6)
    assert float(row['score']) == 0


def test_csv(made_up, tmp_path):
    made_up.write_csv(tmp_path / 'all.csv', ['val', 'test'])
    with (tmp_path / 'all.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS and len(rows) == 8
    assert rows[1] == dict(
        table='mine', arm='fast', seed='0', split='val', threshold='0.50', score='0.6667',
        precision='0.6667', recall='0.6667', hits='4', preds='6', gts='6', steps='8',
        train_seconds='', start_digest='same', images_digest=rows[0]['images_digest'],
        date='2026-01-01', after_opening='')
    assert {row['after_opening'] for row in rows[4:]} == {'0'}


def test_the_test_set_is_opened_once(made_up):
    assert made_up.opened() is None
    ready = made_up.complete(False)
    noted = made_up.open(ready[:2])
    assert noted['thresholds'] == {'plain/0': .5, 'fast/0': .5} and noted['date']
    assert made_up.open(ready) == noted == made_up.opened()
    assert [row['after_opening'] for row in made_up.rows('test')] == [0, 0, 1, 1]


def test_scored_test_data_are_not_scored_again(made_up, tmp_path):
    path = tiny_table.write(tmp_path, groups='source')
    other = Comparison(read_table(path), tmp_path / 'out')
    assert other.unscored('test') == [] and len(other.unscored('val')) == 4


def test_tests_wait_for_all_runs(made_up):
    (made_up.runs[3].folder / 'epoch_2.pth').unlink()
    with pytest.raises(ValueError, match='1 of 4 runs are not finished: fast/1'):
        made_up.complete(False)
    assert [run.name for run in made_up.complete(True)] == ['plain/0', 'fast/0']
    (made_up.runs[0].folder / 'epoch_2.pth').unlink()
    with pytest.raises(ValueError, match='2 of 4'):
        made_up.complete(True)


def test_one_command_at_a_time(made_up):
    with made_up.alone():
        with pytest.raises(ValueError, match='worked on by another command'):
            with made_up.alone():
                pass
    with made_up.alone():
        pass


def test_selection(tmp_path):
    table = read_table(tiny_table.write(tmp_path))
    runs = Comparison(table, tmp_path / 'out', ['fast'], [1]).runs
    assert [run.name for run in runs] == ['fast/1']
    with pytest.raises(ValueError, match='arms slow are not in the table; it has plain, fast'):
        Comparison(table, tmp_path / 'out', ['slow'])
    with pytest.raises(ValueError, match='seeds 7 are not'):
        Comparison(table, tmp_path / 'out', None, [7])


def test_what_cannot_be_scored_is_not_trained(tmp_path):
    with pytest.raises(ValueError, match='0 metrics of type WordMetric'):
        tiny_table.comparison(tmp_path, protocol='words')


@pytest.mark.parametrize('loop', [dict(by_epoch=True, max_epochs=1),
                                  dict(by_epoch=False, max_iters=2)])
def test_students_in_wrappers_start_from_the_references_weights(tmp_path, loop):
    """The wrapper's adaptor and teacher draw before the student does."""
    path = tiny_table.write(tmp_path)
    cfg = Config.fromfile(tmp_path / 'plain.py')
    cfg.train_cfg = dict(loop, val_interval=9)
    cfg.default_hooks.checkpoint.by_epoch = loop['by_epoch']
    cfg.dump(tmp_path / 'plain.py')
    teacher = cfg.model.to_dict()
    torch.save({'state_dict': {}}, tmp_path / 'none.pth')
    term = dict(loss=dict(type='FitNetLoss'), source='neck', adaptor=dict(
        type='ConvAdaptor', in_channels=16, out_channels=16),
        teacher=dict(type='EMATeacher'))
    cfg.model = dict(teacher, type='DBNetDistiller', terms=[term])
    cfg.custom_hooks = [dict(type='EMATeacherHook')]
    cfg.dump(tmp_path / 'wrapped.py')
    path.write_text(path.read_text().replace("'fast': {'config': 'plain.py'",
                                             "'fast': {'config': 'wrapped.py'"))
    comparison = Comparison(read_table(path), tmp_path / 'out', None, [1])
    plain, wrapped = comparison.runs
    assert 'start' not in plain.cfg.custom_hooks[-1]
    assert wrapped.cfg.custom_hooks[-1].start == str(comparison.folder / 'start_1.pth')
    ended = list(comparison.train(HereEngine(), comparison.missing()))
    assert [one.trouble for one in ended] == ['', '']
    assert digests(plain.folder) == digests(wrapped.folder) and digests(plain.folder)[0]
