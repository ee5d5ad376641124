"""DLD's trainings as configured, only less and smaller: teacher -> selector -> DLD."""
import math

import pytest
import torch
from config_zoo import CONFIGS
from dld_arms import named, small_teacher, teacher_weights
from mmengine.config import Config
from mmengine.runner import Runner

DATA = 'embedded-sizes'


def small(name, folder, **fields):
    """An arm's config on its own data, but two images of each of its two parts."""
    cfg = Config.fromfile(CONFIGS[name], format_python_code=False)  # formatting is slow
    teacher = folder / 'teacher.py'
    teacher.write_text(f'model = {small_teacher(name)}')
    cfg.merge_from_dict({
        'work_dir': str(folder / name), 'env_cfg.mp_cfg.mp_start_method': None,
        'model.teacher.config': str(teacher),
        'model.teacher.checkpoint': teacher_weights(name, folder),
        'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 2,
        'train_dataloader.dataset.pipeline.2.scale': (160, 160),
        'test_dataloader.dataset.pipeline.1.scale': (160, 160), 'val_cfg': None,
        'val_dataloader': None, 'val_evaluator': None,
        **{f'{part}_dataloader.dataset.datasets.{i}.{field}': value
           for part in ('train', 'test') for i in (0, 1)
           for field, value in (('num_images', 2), ('text_height', (18, 26)))},
        **{f'{part}_dataloader.{field}': value for part in ('train', 'test')
           for field, value in (('num_workers', 0), ('persistent_workers', False))}, **fields})
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
    """A selector training: its checkpoint's path, and the weights before and after."""
    (name, ) = named(method='selector', gamma='0.1', data=DATA)
    runner, before = started(small(name, folder))
    runner.train()
    assert math.isfinite(runner.message_hub.get_scalar('train/loss_res_target').current())
    path = folder / name / 'epoch_1.pth'
    return path, before, torch.load(path, weights_only=False)['state_dict']


def test_selector_learns_and_its_spotter_stays(selector, folder):
    """Buffers included: running statistics are the teacher's to the last bit."""
    _, before, after = selector
    assert set(before) == set(after)
    changed = moved(before, after)
    assert {key.split('.')[0] for key in changed} == {'selector'}
    assert {'selector.fc.weight', 'selector.conv1.weight'} <= changed
    (weights, ) = folder.glob('dbnet-*.pth')
    teacher = torch.load(weights)
    assert any('running_mean' in key for key in teacher)
    assert not moved(teacher, after)


def test_dld_goes_on_from_the_selector(selector, folder):
    """And trains and tests as it stands."""
    path, _, learnt = selector
    (name, ) = named(method='dld', gamma='0.1', way=None, data=DATA)
    runner, before = started(small(name, folder, load_from=str(path)))
    assert not moved(learnt, before)
    runner.train()
    for loss in ('res_target', 'kd_roi', 'kd_context', 'kd_seq'):
        assert math.isfinite(runner.message_hub.get_scalar(f'train/loss_{loss}').current())
    after = runner.model.state_dict()
    assert {key.split('.')[0] for key in moved(before, after)} >= {
        'selector', 'detector', 'recognizer'}
    scores = runner.test()
    assert .3 <= scores['resolution/mean_scale'] <= .8
    assert 0 <= scores['spotting/e2e_none_hmean'] <= 1
    assert (folder / name / 'epoch_1.pth').exists()
