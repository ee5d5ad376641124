"""What configs/textspotting/dld promises: teachers that fit, arms that differ in one thing."""
import itertools
import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from config_zoo import CONFIGS, load, without_pretrained
from dld_arms import (
    ARMS,
    COMPARED,
    FOLDER,
    SPOTTERS,
    build_arm,
    configured,
    is_published,
    is_stored,
    last_checkpoint,
    named,
    selects,
    small_student,
    table,
    teacher_config,
    terms,
)
from mmengine.structures import InstanceData
from mmocr.registry import DATASETS, EVALUATOR, MODELS
from tiny_spotter import batch, page, sample

from mmocr_kd.adapters.image_sizes import padded, scaled_size
from mmocr_kd.measure import product_macs

SCALES, PUBLISHED = [.25, .375, .5, .75, 1.], [.3, .4, .5, .6, .7, .8]
PAPER = named(way='-paper')
ON_PAGES = named(data='embedded-pages')
DET_REC = [name for name in ARMS if name.startswith('dbnet')]
TAUGHT = [name for name in ARMS if load(CONFIGS[name]).model.get('teacher')]
# Arms of one spotter have the same networks: each loss once for CTC and once for attention.
TRAINED = ON_PAGES + named(method='dld', gamma='0.1', data='dld-mixture') + named(
    method='dld', gamma=None, data='dld-mixture')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where weights of teachers are kept between tests."""
    return tmp_path_factory.mktemp('teachers')


def losses_of(cfg):
    losses = cfg.model.get('losses') or {}
    return {term: loss for term, loss in losses.items() if loss is not None}


def scales_of(name):
    return PUBLISHED if is_published(name) or name.startswith('mask-rcnn') and not selects(
        name) else SCALES


# Names

def test_names_tell_arms_from_spotters():
    others = {path.stem for path in FOLDER.glob('*.py')
              if '_all-three' not in path.stem} - set(ARMS)  # see test_all_three.py
    assert all(load(CONFIGS[name]).model.type == 'DLDTextSpotter' for name in ARMS)
    kinds = {name: load(CONFIGS[name]).model.type for name in others}
    assert {name for name, kind in kinds.items() if kind == 'DLDTextSpotter'} == {
        name for name in others if '_full-crops_' in name or '_all-three' in name}
    assert not any('teacher' in load(CONFIGS[name]).model for name in others)


@pytest.mark.parametrize('name', ARMS)
def test_arm_is_what_its_name_says(name):
    cfg, arm = load(CONFIGS[name]), ARMS[name]
    model = cfg.model
    assert set(losses_of(cfg)) == terms(name)
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].get('end', 50) == int(arm['epochs'])
    assert model.get('train_student', True) == (arm['method'] != 'selector')
    hooks = [hook.type for hook in cfg.custom_hooks]
    if not selects(name):
        assert model.selector is None and model.objective is None and not hooks
    elif is_published(name):
        assert (model.objective.type, model.selector.predicts) == ('GumbelObjective', 'logits')
        assert model.objective.cost.loss_weight == float(arm['gamma'])
        assert model.objective.preset == ('paper' if name in PAPER else 'official')
        assert hooks == ['GumbelTemperatureHook']
    else:
        assert (model.objective.type, model.selector.predicts) == ('ErrorObjective', 'errors')
        assert model.objective.errors.type == ('StoredErrors' if is_stored(name) else 'PassErrors')
        assert hooks == ['BudgetTableHook']


@pytest.mark.parametrize('name', ARMS)
def test_scales(name):
    model, scales = load(CONFIGS[name]).model, scales_of(name)
    if selects(name):
        assert model.selector.scale_factors == scales
        assert model.get('scale_factors') is None and model.get('test_scale') is None
    else:
        fixed = ([.5], None) if ARMS[name]['method'] == 'half' else (scales, .5)
        assert (model.scale_factors, model.test_scale) == fixed


@pytest.mark.parametrize('name', PAPER)
def test_paper_where_it_differs(name):
    model = load(CONFIGS[name]).model
    sequence = (model.losses.sequence.topk, model.losses.sequence.reduction)
    accuracy = model.objective.accuracy
    assert (accuracy.mode, accuracy.combine) == ('kl', 'probs')
    assert len(model.selector.costs) == len(PUBLISHED)
    assert model.losses.roi.reduction == model.losses.context.reduction == 'norm'
    assert sequence == (3, 'log_sum')


@pytest.mark.parametrize('name', [name for name in named(method='dld') if name not in PAPER])
def test_official_elsewhere(name):
    model = load(CONFIGS[name]).model
    losses = model.losses
    if is_published(name):
        selector, accuracy = model.selector, model.objective.accuracy
        assert (selector.temperature, selector.temperature_decay) == (5., .965)
        assert (accuracy.mode, accuracy.combine, selector.costs) == ('ce', 'logits', 1.5)
    assert losses.roi.reduction == losses.context.reduction == 'mse'
    assert (losses.sequence.topk, losses.sequence.reduction) == (1, 'mean')
    assert {loss.loss_weight for loss in losses_of(load(CONFIGS[name])).values()} == {1.}
    assert model.max_long_edge == dict(train=1600, test=3000) and not model.antialias


# Selectors

@pytest.mark.parametrize('name', ARMS)
def test_starts_with_a_selector_only_where_it_has_few_photos_to_learn_from(name):
    start = load(CONFIGS[name]).get('load_from')
    if ARMS[name]['method'] in ('dld', 'drs') and ARMS[name]['data'] == 'icdar2015-mini':
        (first, ) = named(way='-passes', data='icdar2015-mini')
        assert start == last_checkpoint(first)
    else:
        assert start is None


@pytest.mark.parametrize('data', ['embedded-pages', 'icdar2015-mini'])
def test_ways_to_count_errors_differ_in_counting_only(data):
    """And in how often the images are seen, at what size, and how varied."""
    (stored, ), (passes, ) = (named(way=way, data=data) for way in ('-stored', '-passes'))
    ours, theirs = (configured(load(CONFIGS[name])) for name in (stored, passes))
    for run in (ours, theirs):
        run['model']['objective'].pop('errors')
        run['train_dataloader'].pop('batch_size')
        for field in ('pipeline', 'num_images'):
            run['train_dataloader']['dataset'].pop(field, None)
        for key in ('param_scheduler', 'train_cfg', 'optim_wrapper'):
            run.pop(key, None)
    assert ours == theirs


def test_full_crops_differ_in_crops_only():
    (sharp, ), (stored, ) = (named(way=way, data='embedded-pages')
                             for way in ('-stored-full-crops', '-stored'))
    ours, theirs = (configured(load(CONFIGS[name])) for name in (sharp, stored))
    assert ours['model']['student'].pop('crop_from') == 'full'
    files = [run['model']['objective']['errors'].pop('file') for run in (ours, theirs)]
    assert ours == theirs and len(set(files)) == 2
    fixed = load(CONFIGS[stored.replace('selector-stored_10e', 'full-crops')]).model
    assert fixed.student.crop_from == 'full' and fixed.test_scale in fixed.scale_factors


def unvaried(cfg):
    dataset = cfg.train_dataloader.dataset.to_dict()
    vary = [step.to_dict() for step in cfg.vary]
    return dict(dataset, pipeline=[step for step in dataset['pipeline'] if step not in vary])


@pytest.mark.parametrize('name', [name for name in named(data='embedded-pages') if is_stored(name)])
def test_stored_ratings_go_with_the_pixels_that_tests_see(name):
    """The pipeline shrinks a page as the selector would, but for rounding to whole grey levels."""
    cfg = load(CONFIGS[name])
    fields = dict(num_images=1, filter_cfg=None, serialize_data=False)
    full, small = (
        DATASETS.build(dict(dataset, **fields))[0] for dataset in (
            cfg.test_dataloader.dataset.to_dict() | dict(split='train'),
            unvaried(cfg)))
    assert full['data_samples'].img_path == small['data_samples'].img_path
    selector = MODELS.build(cfg.model.selector)
    seen, given = (selector._prepare(one['inputs'][None].float()) for one in (full, small))
    assert seen.shape == given.shape == (1, 3, 256, 256)
    assert (seen - given).abs().max() <= 1.01


# Costs

@pytest.mark.parametrize('name', named(way='-paper', data='embedded-pages'))
def test_costs_of_the_table_are_measured(name):
    cfg = load(CONFIGS[name])
    detector = MODELS.build(small_student(name)['detector']).eval()

    @torch.no_grad()
    def operations(scale):
        size = [padded(side, 32) for side in scaled_size(cfg.resize.scale, scale)]
        return product_macs(partial(detector, torch.zeros(1, 3, *size), None, 'tensor')) / 1e9

    selector = cfg.model.selector
    shares = np.array([*map(operations, selector.scale_factors)]) / operations(1)
    assert shares == pytest.approx(selector.costs, abs=6e-4)


@pytest.mark.parametrize('name', named(way='-paper', data='dld-mixture'))
def test_costs_of_the_papers_spotter_are_pixels(name):
    """Convolutions only: what a scale costs is its share of the pixels, padding included."""
    def pixels(scale):
        return math.prod(padded(side, 32) for side in scaled_size((896, 1184), scale))

    selector = load(CONFIGS[name]).model.selector
    shares = [pixels(scale) / pixels(1) for scale in selector.scale_factors]
    assert shares == pytest.approx(selector.costs, abs=6e-4)


# Teachers

@pytest.mark.parametrize('name', TAUGHT)
def test_teacher_is_the_students_like(name, tmp_path, monkeypatch):
    """Same networks and dictionary, found from any folder, saved where the arm looks for it."""
    monkeypatch.chdir(tmp_path)
    cfg = load(CONFIGS[name])
    teacher = teacher_config(cfg)
    networks = [without_pretrained(model.to_dict()) for model in (teacher.model, cfg.model.student)]
    assert networks[0] == networks[1]
    stem, epochs = Path(teacher.filename).stem, teacher.train_cfg.max_epochs
    assert cfg.model.teacher.checkpoint == f'work_dirs/{stem}/epoch_{epochs}.pth'
    assert cfg.model.init_student_from_teacher


@pytest.mark.parametrize('name', named(method='dld', way=None))
def test_teacher_is_tested_on_the_same_data(name):
    cfg = load(CONFIGS[name])
    assert configured(teacher_config(cfg))['test_dataloader'] == configured(cfg)['test_dataloader']


@pytest.mark.parametrize('name', [n for n in DET_REC if ARMS[n]['method'] == 'dld'])
def test_teacher_has_seen_the_smallest_images(name):
    cfg = load(CONFIGS[name])
    steps = teacher_config(cfg).train_dataloader.dataset.pipeline
    (resize, ) = [step for step in steps if step.type == 'RandomChoiceResize']
    full = cfg.resize.scale
    assert max(resize.scales) == tuple(full)
    assert min(resize.scales)[0] <= min(scales_of(name)) * full[0] + 48  # of photos: 288 of 960


# Tables

def test_arms_of_a_table_differ_in_dld_only():
    """Same data, recipe, length, student and teacher: whatever is compared has the same budget."""
    for _, names in itertools.groupby(sorted(COMPARED, key=table), key=table):
        runs = [configured(load(CONFIGS[name])) for name in names]
        for run in runs:
            run.pop('load_from', None)  # a selector, and a student as it started
            del run['custom_hooks'], run['val_evaluator'], run['test_evaluator']
            assert run['model'].pop('train_student', True)
            for field in ('selector', 'losses', 'objective', 'price', 'budget', 'regions',
                          'scale_factors', 'test_scale'):
                run['model'].pop(field, None)
        assert all(run == runs[0] for run in runs)


@pytest.mark.parametrize('name', ARMS)
def test_tests_report_what_was_chosen(name):
    cfg = load(CONFIGS[name])
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        spotting, chosen = evaluator if isinstance(evaluator, list) else evaluator.metrics
        assert spotting.type == 'E2ETextSpottingMetric' and spotting.lexicons['none'] is None
        assert (chosen.type, chosen.scale_factors) == ('ResolutionStatMetric', scales_of(name))


@pytest.mark.parametrize('name', [name for name in DET_REC if is_published(name)])
def test_temperature_falls_as_far_as_the_official_one(name):
    cfg = load(CONFIGS[name])
    images = cfg.train_dataloader.dataset.num_images
    iterations = cfg.train_cfg.max_epochs * images // cfg.train_dataloader.batch_size
    (hook, ) = cfg.custom_hooks
    assert not hook.by_epoch and iterations // hook.interval == 50


# The paper's recipe

@pytest.fixture(scope='module')
def published():
    (name, ) = named(method='dld', gamma='0.1', way=None, data='dld-mixture')
    return load(CONFIGS[name])


def test_schedule_is_the_official_one(published):
    wrapper, (hook, ) = published.optim_wrapper, published.custom_hooks
    (steps, ) = published.param_scheduler  # no warm-up
    assert (wrapper.optimizer.type, wrapper.optimizer.lr) == ('AdamW', 1e-3)
    assert wrapper.optimizer.weight_decay == 0 and wrapper.clip_grad.max_norm == 35
    assert (steps.milestones, steps.gamma, steps.by_epoch) == ([30, 40], .1, True)
    assert published.train_cfg.val_interval == 10
    assert (hook.by_epoch, hook.interval) == (True, 1)


def test_training_images_have_one_size(published):
    """What the selector and the teacher see; only the student's differ."""
    steps = published.train_dataloader.dataset.pipeline
    (resize, ) = [step for step in steps if 'Resize' in step.type]
    assert (resize.type, resize.scale) == ('Resize', (1600, 896))
    assert published.model.student.data_preprocessor.pad_size_divisor == 32


def test_each_data_set_has_its_own_scores(published):
    evaluator = EVALUATOR.build(published.test_evaluator.to_dict())
    evaluator.dataset_meta = dict(cumulative_sizes=[1, 2, 3])
    polygon = np.array([0, 0, 9, 0, 9, 9, 0, 9], np.float32)
    for i, scale in enumerate([.3, .5, .8]):
        read = InstanceData(polygons=[polygon], texts=['word'], scores=torch.ones(1))
        result = sample([polygon], ['word' if i else 'another'])
        result.pred_instances = read
        result.set_metainfo(dict(dld_scale=scale, dld_scale_index=PUBLISHED.index(scale)))
        evaluator.process([result])
    scores = evaluator.evaluate(3)
    sets = ('icdar2013', 'icdar2015', 'totaltext')
    assert [scores[f'{name}/spotting/e2e_none_hmean'] for name in sets] == [0, 1, 1]
    assert [scores[f'{name}/resolution/mean_scale'] for name in sets] == pytest.approx([.3, .5, .8])


# Training

@pytest.mark.parametrize('name', TRAINED)
def test_learns_and_reads(name, folder):
    """One step; the selector's gradient comes and goes with it."""
    model = build_arm(name, folder).train()
    data = model.data_preprocessor(batch(page([('cat', (10, 36)), ('dog7', (60, 80))]),
                                         page([('owl', (12, 40))])), training=True)
    losses = model(**data, mode='loss')
    total, _ = model.parse_losses(losses)
    total.backward()
    assert math.isfinite(total)
    assert added(losses) == logged(name)
    assert (grad_norm(model.student.recognizer) > 0) == (ARMS[name]['method'] != 'selector')
    assert model.selector is None or grad_norm(model.selector) > 0
    with torch.no_grad():
        results = model.eval()(**data, mode='predict')
    assert all(result.dld_scale in scales_of(name) for result in results)
    assert all(len(r.pred_instances.texts) == len(r.pred_instances.polygons) for r in results)


LOGGED = dict(roi='loss_kd_roi', context='loss_kd_context', sequence='loss_kd_seq')


def logged(name):
    of_selector = {'loss_res_acc', 'loss_res_cost'} if is_published(name) else {'loss_res_error'}
    return {LOGGED[term] for term in terms(name)} | (of_selector if selects(name) else set())


def added(losses):
    return {key for key in losses if key.startswith(('loss_res', 'loss_kd'))}


def grad_norm(module):
    return sum(p.grad.norm().item() for p in module.parameters() if p.grad is not None)


def test_every_spotter_has_the_papers_arms():
    for spotter in SPOTTERS:
        methods = {ARMS[name]['method'] for name in named(spotter=spotter)}
        assert methods >= {'dld', 'drs', 'skd', 'half'}
        ways = {is_published(name) for name in named(spotter=spotter, method='dld')}
        assert ways == {True, False}
