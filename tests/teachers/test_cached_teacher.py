"""Training from a store is training with the teacher itself."""
import copy
import os
import shutil

import cv2
import numpy as np
import pytest
import tiny
import tiny_cache
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from torch import nn

from mmocr_kd.adapters import text_logits
from mmocr_kd.apis.cache import prepare_filling, seen_size
from mmocr_kd.distill import RecordingError, Source, TeacherOutputError
from mmocr_kd.store import CorruptEntryError, ForeignStoreError, StaleEntryError, StoreError
from mmocr_kd.teachers import CachedTeacher
from mmocr_kd.teachers.cached_teacher import EPS


class Spy(Hook):
    def __init__(self):
        self.steps, self.paths = [], []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.steps.append({key: value.item() for key, value in outputs.items()})
        self.paths += [sample.img_path for sample in data_batch['data_samples']]


def train(cfg):
    runner, spy = Runner.from_cfg(copy.deepcopy(cfg)), Spy()
    runner.register_hook(spy)
    runner.train()
    return runner, spy


def fill(cfg):
    return list(prepare_filling(copy.deepcopy(cfg), 'mmocr-kd cache it.py').run())


@pytest.fixture
def spec(tmp_path):
    return tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))


@pytest.fixture
def cfg(tmp_path, spec):
    return tiny_cache.training(tmp_path, tiny_cache.cached(tmp_path, spec))


def with_teacher(cfg, teacher):
    cfg = copy.deepcopy(cfg)
    cfg.custom_hooks[0].teacher = teacher
    return cfg


def test_two_epochs_from_the_store_are_those_with_the_teacher(cfg, spec):
    assert all(fill(cfg))
    live, alive = train(with_teacher(cfg, spec))
    cached, read = train(cfg)
    assert alive.paths == read.paths and len(read.steps) == 4
    for ours, theirs in zip(read.steps, alive.steps):
        assert ours == pytest.approx(theirs, rel=.02, abs=2e-3)
        assert ours['loss_prob'] == pytest.approx(theirs['loss_prob'], rel=1e-3)
    for ours, theirs in zip(cached.model.parameters(), live.model.parameters()):
        assert torch.allclose(ours, theirs, atol=1e-3)
    plain = copy.deepcopy(cfg)
    plain.custom_hooks = []
    assert train(plain)[1].steps[-1]['loss'] != pytest.approx(read.steps[-1]['loss'], rel=5e-3)


def test_a_stored_probability_is_right_to_half_a_255th(cfg, spec, tmp_path):
    fill(cfg)
    runner, _ = train(cfg)
    dataset = runner.train_dataloader.dataset
    teacher = MODELS.build(dict(type='ModelTeacher', **spec))
    teacher.bind(runner.model, dict(text=text_logits))
    for item in map(dataset.__getitem__, range(len(dataset))):
        data = runner.model.data_preprocessor(dict(inputs=[item['inputs']],
                                                   data_samples=[item['data_samples']]), True)
        known = teacher(data['inputs'], data['data_samples'])['text'].sigmoid()[0]
        stored = item['data_samples'].teacher_maps.text.float() / 255
        assert (known - stored).abs().max() <= .501 / 255


@pytest.mark.parametrize('workers', [dict(num_workers=0), dict(num_workers=1),
                                     dict(num_workers=1, persistent_workers=True)], ids=str)
def test_trainings_by_iterations_start_with_the_same_photos(cfg, workers):
    """Their workers run before any hook can see the data."""
    fill(cfg)
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=3)
    cfg.custom_hooks[0].schedule = dict(by_epoch=False)
    cfg.train_dataloader.update(workers, sampler=dict(type='InfiniteSampler', shuffle=True))
    plain = copy.deepcopy(cfg)
    plain.custom_hooks = []
    plain.train_dataloader.update(num_workers=0, persistent_workers=False)
    _, read = train(cfg)
    assert read.paths == train(plain)[1].paths and read.steps[0]['loss_kd'] > 0


def test_data_sets_within_wrappers(cfg):
    fill(cfg)
    part = cfg.train_dataloader.dataset
    cfg.train_dataloader = dict(
        batch_size=2, num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(type='RepeatDataset', times=2, dataset=dict(
            type='ConcatDataset', datasets=[dict(part, indices=[0]), dict(part, indices=[1, 2])])))
    cfg.train_cfg.max_epochs = 1
    _, read = train(cfg)
    assert len(read.steps) == 3 and read.steps[0]['loss_kd'] > 0


def test_augmented_training_with_images_of_several_sizes(cfg):
    fill(cfg)
    pipeline = cfg.train_dataloader.dataset.pipeline
    pipeline[2:2] = [dict(type='RandomChoiceResize', scales=[(96, 64), (64, 96)],
                          keep_ratio=False), dict(type='RandomFlip', prob=.5)]
    cfg.train_dataloader.batch_size = 1  # MMOCR's DB loss wants equal sizes
    _, read = train(cfg)
    assert len(read.steps) == 8 and all(step['loss_kd'] > 0 for step in read.steps)


def test_the_wrapper_with_its_hook_learns_as_the_hook_alone(cfg):
    fill(cfg)
    _, read = train(cfg)
    wrapped = copy.deepcopy(cfg)
    wrapped.model.update(type='DBNetDistiller', teacher=cfg.custom_hooks[0].teacher,
                         terms=[dict(loss=dict(type='MaskETLoss'))])
    wrapped.custom_hooks = [dict(type='TeacherDataHook')]
    _, other = train(wrapped)
    assert [step['loss'] for step in other.steps] == pytest.approx(
        [step['loss'] for step in read.steps], rel=1e-4)
    wrapped.custom_hooks = []
    with pytest.raises(TeacherOutputError, match='TeacherDataHook'):
        train(wrapped)
    cfg.custom_hooks = [dict(type='TeacherDataHook')]
    with pytest.raises(ValueError, match='DBNet does not'):
        train(cfg)


def test_two_stores_in_two_hooks(cfg, tmp_path):
    other = tiny_cache.cached(tmp_path, tiny.checkpoint(tmp_path / 'b.pth', tiny.dbnet_cfg(), 3))
    other['store'] += '2'
    both = copy.deepcopy(cfg)
    both.custom_hooks.append(dict(type='MaskETDistillHook', teacher=other))
    alone = cfg, with_teacher(cfg, other)
    assert all(map(fill, alone))
    first, second, all_ = (train(one)[1].steps[0] for one in (*alone, both))
    assert all_['loss_kd'] == pytest.approx(first['loss_kd'], rel=1e-5)
    assert all_['distill1.loss_kd'] == pytest.approx(second['loss_kd'], rel=1e-5)
    assert first['loss_kd'] != second['loss_kd']


def test_stores_within_an_ensemble_and_an_ensemble_in_a_store(cfg, spec, tmp_path):
    other = tiny.checkpoint(tmp_path / 'b.pth', tiny.dbnet_cfg(), 3)
    stores = [tiny_cache.cached(tmp_path, spec), tiny_cache.cached(tmp_path, other)]
    stores[1]['store'] += '2'
    for one in stores:
        fill(with_teacher(cfg, one))
    live = dict(type='EnsembleTeacher', teachers=[spec, other])
    inner = tiny_cache.cached(tmp_path, live)
    inner['store'] += '3'
    fill(with_teacher(cfg, inner))
    outer = dict(type='EnsembleTeacher', teachers=stores)
    losses = [train(with_teacher(cfg, one))[1].steps[0]['loss_kd'] for one in (live, inner, outer)]
    assert losses[1:] == pytest.approx(losses[:1] * 2, rel=.01)


def test_features_are_stored_smaller_and_learnt_from(cfg, spec, tmp_path):
    """FitNet on the neck: what it says differs by what averaging over 8 pixels loses."""
    cached = tiny_cache.cached(tmp_path, spec, features=dict(neck=8))
    cfg.model.neck.out_channels, cfg.model.det_head.in_channels = 8, 32
    cfg.custom_hooks[0].update(teacher=cached, loss=dict(type='FitNetLoss'), source='neck')
    filling = prepare_filling(cfg, 'x')
    assert filling.sizes['neck'] == ((32, 8, 12), 4)
    assert filling.sizes['text'] == ((64, 96), 1)
    list(filling.run())
    live = train(with_teacher(cfg, spec))[1].steps[0]['loss_fitnet']
    assert train(cfg)[1].steps[0]['loss_fitnet'] == pytest.approx(live, rel=.3)


def test_features_that_are_not_stored_need_the_teacher(cfg):
    fill(cfg)
    for source in ('neck', 'backbone'):
        cfg.custom_hooks[0].update(loss=dict(type='FitNetLoss'), source=source)
        with pytest.raises(RecordingError, match=f'{source}.*features=dict.*ModelTeacher'):
            train(cfg)


def test_features_finer_than_the_teachers_are_refused(cfg, spec, tmp_path):
    cfg = with_teacher(cfg, tiny_cache.cached(tmp_path, spec, features=dict(neck=2)))
    with pytest.raises(ValueError, match='neck.*values 4 pixels wide.*4 or more'):
        fill(cfg)


def test_training_without_a_store_says_what_fills_it(cfg):
    with pytest.raises(StoreError, match='mmocr-kd cache CONFIG'):
        train(cfg)


def test_training_with_a_lacking_or_changed_photo_stops_before_it_starts(cfg, tmp_path):
    fill(cfg)
    photo = str(tmp_path / '2.png')
    cv2.imwrite(photo, np.zeros((64, 96, 3), np.uint8))
    with pytest.raises(StaleEntryError, match='(?s)2.png.*1 of 4.*mmocr-kd cache it.py'):
        train(cfg)
    assert sorted(map(bool, fill(cfg))) == [False, False, False, True]
    train(cfg)


def test_a_damaged_entry_is_told_by_name_and_mended(cfg, tmp_path):
    fill(cfg)
    entry = sorted((tmp_path / 'store').rglob('*.maps'))[0]
    entry.write_bytes(entry.read_bytes()[:-20])
    with pytest.raises(CorruptEntryError, match='(?s)png.*mmocr-kd cache it.py'):
        train(cfg)
    assert sum(map(bool, fill(cfg))) == 1
    train(cfg)


@pytest.mark.parametrize('change', ['weights', 'config', 'long_side', 'color_type'])
def test_another_teacher_or_preprocessing_is_refused(cfg, spec, tmp_path, change):
    fill(cfg)
    teacher = cfg.custom_hooks[0].teacher
    if change == 'weights':
        tiny.checkpoint(tmp_path / 'teacher.pth', spec['config'], seed=8)
    elif change == 'config':
        teacher.teacher.config.data_preprocessor.bgr_to_rgb = False
    elif change == 'long_side':
        teacher.long_side = 640
    else:
        cfg.train_dataloader.dataset.pipeline[0].color_type = 'color_ignore_orientation'
    says = dict(long_side='preprocessing', color_type='preprocessing').get(change, 'teacher')
    for use in (train, fill):
        with pytest.raises(ForeignStoreError, match=f'(?s)  {says}[.].*Name another store'):
            use(cfg)


def test_where_the_teacher_starts_from_does_not_matter(cfg, tmp_path):
    fill(cfg)
    backbone = cfg.custom_hooks[0].teacher.teacher.config.backbone
    backbone.init_cfg = dict(type='Pretrained', checkpoint='elsewhere.pth')
    train(cfg)


def test_a_moved_store_without_teacher_is_taken_as_it_is(cfg, tmp_path):
    fill(cfg)
    shutil.move(tmp_path / 'store', tmp_path / 'moved')
    os.remove(tmp_path / 'teacher.pth')
    train(with_teacher(cfg, dict(type='CachedTeacher', store=str(tmp_path / 'moved'))))


def test_a_detector_at_a_quarter_learns_from_one_at_a_quarter(tmp_path):
    spec = tiny.checkpoint(tmp_path / 'teacher.pth', tiny.pan_cfg('PSE', .5))
    cfg = tiny_cache.training(tmp_path, tiny_cache.cached(tmp_path, spec),
                              model=tiny.pan_cfg('PSE'))
    fill(cfg)
    read, live = train(cfg)[1], train(with_teacher(cfg, spec))[1]
    assert read.steps[0]['loss_kd'] == pytest.approx(live.steps[0]['loss_kd'], rel=.02)


def ask(teacher, maps, size, name='x', wanted=text_logits):
    samples = [TextDetDataSample(teacher_maps=BaseDataElement(**one)) for one in maps]
    teacher._strides = dict(text=1, neck=4)
    teacher.bind(nn.Module(), {name: wanted})
    return teacher(torch.zeros(len(maps), 3, *size), samples)[name]


def test_padding_of_the_batch_is_no_text_and_logits_are_bounded():
    maps = [dict(text=torch.tensor([[0, 128, 255]], dtype=torch.uint8)),
            dict(text=torch.full((2, 2), 255, dtype=torch.uint8))]
    logits = ask(CachedTeacher('nowhere'), maps, (2, 4))
    most = torch.logit(torch.tensor(1 - EPS)).item()
    assert logits.shape == (2, 2, 4)
    assert logits[0, 0].tolist() == pytest.approx([-most, .0078, most, -most], abs=1e-3)
    assert torch.allclose(logits[1], torch.tensor([[1., 1, -1, -1]] * 2) * most, atol=1e-4)


def test_features_are_padded_to_the_batch():
    maps = [dict(neck=torch.ones(2, 1, 3).half()), dict(neck=torch.ones(2, 2, 1).half())]
    teacher = CachedTeacher('nowhere', features=dict(neck=8))
    found = ask(teacher, maps, (8, 14), wanted=Source('neck'))
    assert found.shape == (2, 2, 2, 4) and found.dtype == torch.float32
    assert found.sum((1, 2, 3)).tolist() == [6, 4]


@pytest.mark.parametrize('fields, says', [
    (dict(long_side=16), 'long_side=16'), (dict(long_side=9.5), 'long_side=9.5'),
    (dict(features=dict(neck=0)), "features={'neck': 0}")])
def test_impossible_fields_are_refused(fields, says):
    with pytest.raises(ValueError, match=says):
        CachedTeacher('store', **fields)


def test_who_cannot_be_stored(cfg, tmp_path):
    inner = tiny_cache.cached(tmp_path, dict(type='EMATeacher'))
    for teacher, error, says in [
            (inner, NotImplementedError, 'EMATeacher says cannot be stored'),
            (tiny_cache.cached(tmp_path, inner), NotImplementedError, 'stored already'),
            (dict(type='CachedTeacher', store='x'), ValueError, 'nobody to ask')]:
        with pytest.raises(error, match=says):
            fill(with_teacher(cfg, teacher))


@pytest.mark.parametrize('size, long_side, seen', [
    ((720, 1280), 960, (544, 960)), ((1280, 720), 960, (960, 544)), ((64, 96), 960, (64, 96)),
    ((10, 2000), 960, (32, 960)), ((320, 320), 96, (96, 96))])
def test_how_a_teacher_sees_a_photo(size, long_side, seen):
    assert seen_size(size, long_side) == seen


def test_registered():
    assert MODELS.get('CachedTeacher') is CachedTeacher
