"""DLD's trainings as configured, only less and smaller: ratings -> selector; teacher -> DLD."""
import math

import pytest
import tiny_ratings
import torch
from config_zoo import CONFIGS, without_pretrained
from dld_arms import named, small_student, student_weights
from mmengine.config import Config
from mmengine.runner import Runner

DATA = 'embedded-pages'
SIZE = (128, 128)
PAGES = [f'embedded://train-s0-128x128-h18to26perimage-b3to8-d1.0/{i:06d}.bmp' for i in range(3)]


def small(name, folder, **fields):
    """An arm's config on its own data, but a few small pages."""
    cfg = Config.fromfile(CONFIGS[name], format_python_code=False)  # formatting is slow
    cfg.merge_from_dict({
        'work_dir': str(folder / name), 'env_cfg.mp_cfg.mp_start_method': None,
        'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1,
        'train_dataloader.batch_size': 2,
        **{f'{part}_dataloader.dataset.{field}': value for part in ('train', 'val', 'test')
           for field, value in (('num_images', 3), ('image_size', SIZE),
                                ('text_height', (18, 26)))},
        **{f'{part}_dataloader.{field}': value for part in ('train', 'val', 'test')
           for field, value in (('num_workers', 0), ('persistent_workers', False))}, **fields})
    cfg.model.student = without_pretrained(cfg.model.student.to_dict())
    for part in ('train', 'val', 'test'):
        for step in cfg[f'{part}_dataloader'].dataset.pipeline:
            if step.type == 'Resize':
                step.scale = SIZE
    return cfg


def started(cfg):
    """A runner whose model is as training finds it, and a copy of its weights."""
    runner = Runner.from_cfg(cfg)
    runner.model.init_weights()
    runner.load_or_resume()
    return runner, {key: value.clone() for key, value in runner.model.state_dict().items()}


def moved(before, after):
    return {key for key in before if not torch.equal(before[key], after[key])}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where the trainings of this file happen."""
    return tmp_path_factory.mktemp('dld')


@pytest.fixture(scope='module')
def selector(folder):
    """A selector that learnt from ratings: runner, and the weights before and after."""
    (name, ) = named(way='-stored', data=DATA)
    ratings = folder / 'pages.jsonl'
    cfg = small(name, folder, **{'model.objective.errors.file': str(ratings),
                                 'load_from': student_weights(name, folder)})
    tiny_ratings.write(ratings, PAGES, cfg.model.selector.scale_factors)
    runner, before = started(cfg)
    runner.train()
    assert math.isfinite(runner.message_hub.get_scalar('train/loss_res_error').current())
    return runner, before, torch.load(folder / name / 'epoch_1.pth', weights_only=False)


def test_selector_learns_and_its_spotter_stays(selector, folder):
    """Buffers included: running statistics are the spotter's to the last bit."""
    _, before, saved = selector
    after = saved['state_dict']
    assert set(before) == set(after)
    changed = moved(before, after)
    assert {key.split('.')[0] for key in changed} == {'selector'}
    assert {'selector.fc.weight', 'selector.conv1.weight', 'selector.mean_costs'} <= changed
    (weights, ) = folder.glob('*.pth')
    spotter = torch.load(weights)
    assert any('running_mean' in key for key in spotter)
    assert not moved(spotter, after)


def test_one_training_is_tested_at_every_price(selector, folder):
    """A price that nothing is worth, and one at which nothing costs; a budget lies between."""
    runner, _, _ = selector
    (name, ) = named(way='-stored', data=DATA)
    costs = []
    for field, value in (('price', 1e9), ('price', 0.), ('budget', 1.)):
        cfg = small(name, folder, **{f'model.{field}': value, 'model.objective': None,
                                     'load_from': str(folder / name / 'epoch_1.pth')})
        scores = Runner.from_cfg(cfg).test()
        assert 0 <= scores['spotting/e2e_none_hmean'] <= 1
        costs.append(scores['resolution/rel_cost'])
    cheapest = runner.model.selector.costs[0].item()
    assert costs[0] == pytest.approx(cheapest) and cheapest <= costs[1] <= 1 and costs[2] <= 1


def test_dld_trains_all_three(folder):
    """And tests as it stands."""
    (name, ) = named(method='dld', way=None, data=DATA)
    teacher = folder / 'teacher.py'
    teacher.write_text(f'model = {small_student(name)}')
    runner, before = started(small(name, folder, **{
        'model.teacher.config': str(teacher),
        'model.teacher.checkpoint': student_weights(name, folder)}))
    runner.train()
    for loss in ('res_error', 'kd_roi', 'kd_context', 'kd_seq'):
        assert math.isfinite(runner.message_hub.get_scalar(f'train/loss_{loss}').current())
    after = runner.model.state_dict()
    assert {key.split('.')[0] for key in moved(before, after)} >= {
        'selector', 'detector', 'recognizer'}
    scores = runner.test()
    assert .25 <= scores['resolution/mean_scale'] <= 1
    assert 0 <= scores['spotting/e2e_none_hmean'] <= 1
    assert (folder / name / 'epoch_1.pth').exists()
