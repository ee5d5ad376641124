"""The demo's command line; trainings run in this process."""
import json

import cv2
import pytest
from click.testing import CliRunner
from tiny_table import HereEngine

from mmocr_kd.apis import demo as apis
from mmocr_kd.apis import engines
from mmocr_kd.cli import demo as module
from mmocr_kd.cli import main
from mmocr_kd.cli.progress import Told
from mmocr_kd.distill.shipped import shipped


class BrokenEngine:
    def run(self, jobs):
        for job in jobs:
            job.log.write_text('no space left')
            yield job.name, 3


@pytest.fixture
def call(monkeypatch):
    """Call the demo; what it did and said."""
    def run(*options, engine):
        monkeypatch.setattr(engines, 'LocalEngine', lambda jobs: engine)
        return CliRunner().invoke(main, ['demo', *map(str, options)])

    return run


def files(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob('*') if path.is_file()
            and path.name != '.lock'}


def test_trains_tests_draws_and_says_what_is_next(call, tmp_path):
    """Then again: nothing is done, nothing is removed, and the same is said."""
    engine = HereEngine()
    done = call('--quick', '--out', tmp_path / 'd', engine=engine)
    assert done.exit_code == 0, done.output
    assert engine.ran == ['plain/0', 'masket/0']
    first, *_, last = done.output.splitlines()
    assert first.startswith('Nothing is downloaded') and '--seeds 3' in last
    for words in ('training: 4 to do', 'testing masket/0 on test images: 4 to do',
                  'teacher, MobileNetV3-large', '4 test images with', 'masket: undecided',
                  'budget of a demo is too small', 'loss_entropy', 'mmocr-kd distill det --images'):
        assert words in done.output, words
    folder = tmp_path / 'd' / 'masket_embedded'
    assert cv2.imread(str(folder / 'contact_sheet.png')).std() > 10
    before = files(folder)
    again = call('--quick', '--out', tmp_path / 'd', '--json', engine=engine)
    assert 'nothing is done again' in again.stderr and len(engine.ran) == 2
    assert files(folder) == before
    told = json.loads(again.stdout)
    assert told['scores'].keys() == {'teacher', 'plain', 'masket'} and told['seeds'] == 1
    assert told['scores']['teacher']['hmean'] > .2 and told['verdict'] == 'undecided'
    assert told['next'][0] in done.output and told['told'] in done.output
    # A folder of other trainings is left alone.
    other = call('--out', tmp_path / 'd', engine=engine)
    assert other.exit_code == 1 and 'give another --out' in other.output.replace('\n', ' ')
    assert files(folder) == before and len(engine.ran) == 2


def test_a_failing_training_ends_it_with_the_end_of_its_log(call, tmp_path):
    done = call('--quick', '--out', tmp_path, engine=BrokenEngine())
    assert done.exit_code == 1 and 'no space left' in done.output
    assert 'failed (exit status 3)' in done.output and 'testing' not in done.output


def test_students_have_the_same_budget_and_the_teacher_is_the_one_that_comes_along(tmp_path):
    demo = apis.Demo(tmp_path, 2, False, Told(), HereEngine())
    plain, masket, *others = (run.cfg for run in demo.comparison.runs)
    assert [cfg.randomness.seed for cfg in (plain, masket, *others)] == [0, 0, 1, 1]
    for key in ('model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler',
                'test_dataloader', 'test_evaluator'):
        assert plain[key] == masket[key]
    teacher = masket.custom_hooks[0].teacher
    assert shipped(teacher.checkpoint).exists() and demo.steps() == 600
    theirs = apis.read_config(teacher.config)
    assert theirs.test_dataloader.dataset == plain.test_dataloader.dataset
    assert theirs.val_dataloader.dataset == plain.val_dataloader.dataset


def test_steps_are_told_from_the_log_while_a_training_runs(tmp_path):
    class Run:
        folder = tmp_path

    assert apis._steps_done(Run) == 0
    log = tmp_path / '1/vis_data/scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('{"loss": 1, "time": 1, "step": 20}\n{"loss": 1, "time": 1, "step": 40}\n{"lo')
    assert apis._steps_done(Run) == 40


@pytest.mark.parametrize('verdict', ['gain', 'loss', 'no gain', 'undecided'])
def test_only_a_gain_beyond_noise_is_called_one(verdict):
    score = dict(hmean=.5, precision=.4, recall=.6)
    said = module._text(dict(
        images=200, words=900, scores=dict(teacher=score, plain=score), verdict=verdict,
        told='masket: ...', sheet='s.png', next=['a', 'b']))
    assert ('no gain beyond noise' in said) == (verdict != 'gain')
    assert said.endswith('Next:\n  a\n  b') and 'hmean 0.500, precision 0.400' in said
