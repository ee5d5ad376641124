"""The page about a training, opened as a browser does."""
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
import tiny
import torch
from click.testing import CliRunner
from mmengine.config import Config
from mmengine.runner import Runner
from mmocr.registry import MODELS
from tiny_configs import distilling

from mmocr_kd.apis.report import Shown, find_boxes, read_training, write_report
from mmocr_kd.cli import main


@pytest.fixture(scope='module')
def trainings(tmp_path_factory):
    """Folders of a distilled student and of a plain one, two steps each."""
    folder = tmp_path_factory.mktemp('report')
    cfg = Config.fromfile(distilling(folder))
    cfg.merge_from_dict(dict(
        train_cfg=dict(by_epoch=True, max_epochs=1, val_interval=1), val_cfg={}, test_cfg={},
        log_level='ERROR',
        val_evaluator=dict(type='HmeanIOUMetric'), test_evaluator=dict(type='HmeanIOUMetric'),
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1))))
    for name in ('distilled', 'plain'):
        cfg.work_dir, cfg.experiment_name = str(folder / name), f'report {name}'
        if name == 'plain':
            cfg.custom_hooks = []
        Runner.from_cfg(cfg.copy()).train()
    return folder


class Page(HTMLParser):
    """What a page shows, and what it would load."""

    def __init__(self, path):
        super().__init__()
        self.images, self.links, self.tags, self.text = [], [], [], ''
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.images += [attributes['src']] if tag == 'img' else []
        self.links += [value for name, value in attributes.items()
                       if name in ('href', 'src') and not value.startswith(('data:', '#'))]

    def handle_data(self, data):
        self.text += data


def report(*arguments):
    return CliRunner().invoke(main, ['report', *map(str, arguments)])


def test_one_file_with_everything(trainings):
    done = report(trainings / 'distilled', '--plain', trainings / 'plain', '--num', 2)
    assert done.exit_code == 0, done.output
    page = Page(trainings / 'distilled' / 'report.html')
    assert page.links == [] and 'script' not in page.tags  # needs nothing else
    assert page.tags.count('svg') == 3 and len(page.images) == 2 + 2 * 3 * 4
    for word in ('plain student: probability', 'teacher: entropy', 'ground truth', 'loss_prob',
                 'icdar/hmean', '2 of 4 photos'):
        assert word in page.text
    assert len(set(page.images)) > 12


@pytest.mark.skipif(not shutil.which('chromium'), reason='needs a browser, chromium')
def test_a_browser_shows_it(trainings, tmp_path):
    report(trainings / 'distilled', '--num', 1, '--out', tmp_path / 'page.html')
    done = subprocess.run(
        ['chromium', '--headless', '--no-sandbox', '--disable-gpu', f'--user-data-dir={tmp_path}',
         '--dump-dom', (tmp_path / 'page.html').as_uri()],
        capture_output=True, text=True, timeout=600)
    assert 'student: entropy' in done.stdout and done.stdout.count('<svg') == 3


def test_without_photos(trainings, tmp_path):
    done = report(trainings / 'distilled', '--num', 0, '--out', tmp_path / 'new/page.html')
    assert done.exit_code == 0, done.output
    page = Page(tmp_path / 'new/page.html')
    assert page.images == [] and 'disagree' not in page.text
    done = report(trainings / 'plain', '--out', tmp_path / 'plain.html')
    assert 'no distillation of a text detector' in (tmp_path / 'plain.html').read_text()


def test_photos_of_the_largest_difference_come_first(trainings, tmp_path):
    write_report(tmp_path / 'page.html', read_training(trainings / 'distilled'),
                 shown=Shown(num=3, split='test'))
    found = [float(text) for text in re.findall(r'<h3>.*: ([\d.]+)</h3>',
                                                (tmp_path / 'page.html').read_text())]
    assert len(found) == 3 and found == sorted(found, reverse=True)


def test_boxes_below_the_score_are_left_out():
    model = MODELS.build(tiny.dbnet_cfg())
    logits = torch.full((64, 96), -5.)
    logits[10:25, 10:60], logits[35:50, 10:60] = 5., .5
    assert [len(find_boxes(model, logits, score)) for score in (.3, .9, 1.)] == [2, 1, 0]
    x, y = find_boxes(model, logits, .9)[0].reshape(-1, 2).T
    assert x.min() < 10 and x.max() > 59 and y.min() < 10 and 24 < y.max() < 35


def test_what_is_missing_is_named(trainings, tmp_path):
    assert 'give the folder of a training' in report(tmp_path).output
    moved = tmp_path / 'moved'
    shutil.copytree(trainings / 'distilled', moved)
    assert read_training(moved).checkpoint == moved / 'epoch_1.pth'
    (moved / 'epoch_1.pth').unlink()
    done = report(moved)
    assert done.exit_code == 1 and 'epoch_1.pth' in done.output and '--checkpoint' in done.output
    next(moved.glob('*/vis_data/config.py')).unlink()
    assert 'give --config' in report(moved).output
