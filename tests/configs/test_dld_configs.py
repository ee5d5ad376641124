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
    expects_errors,
    last_checkpoint,
    named,
    selector_arm,
    selects,
    small_teacher,
    table,
    teacher_config,
    terms,
)
from mmengine.structures import InstanceData
from mmocr.registry import EVALUATOR, MODELS
from tiny_spotter import batch, page, sample

from mmocr_kd.adapters.image_sizes import padded, scaled_size
from mmocr_kd.measure import product_macs
from mmocr_kd.models.dld.objective import PRESETS

SCALES = [.3, .4, .5, .6, .7, .8]
PAPER = named(way='-paper')
ON_EMBEDDED = named(data='embedded-sizes')
DET_REC = [name for name in ARMS if name.startswith('dbnet')]
# Arms of one spotter have the same networks: each loss once for CTC and once for attention.
TRAINED = [name for name in ON_EMBEDDED if ARMS[name]['gamma'] in ('0.1', None)] + [
    name for name in named(method='dld', gamma='0.1') if name not in ON_EMBEDDED]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where weights of teachers are kept between tests."""
    return tmp_path_factory.mktemp('teachers')


def losses_of(cfg):
    return {term: loss for term, loss in cfg.model.losses.items() if loss is not None}


# Names

def test_names_tell_arms_from_teachers():
    teachers = {path.stem for path in FOLDER.glob('*.py')} - set(ARMS)
    assert all('_multiscale_' in name or name.endswith('vgg_embedded-pages') for name in teachers)
    assert all(load(CONFIGS[name]).model.type == 'DLDTextSpotter' for name in ARMS)
    assert not any('teacher' in load(CONFIGS[name]).model for name in teachers)


@pytest.mark.parametrize('name', ARMS)
def test_arm_is_what_its_name_says(name):
    cfg, arm = load(CONFIGS[name]), ARMS[name]
    losses = losses_of(cfg)
    assert set(losses) == terms(name)
    assert (cfg.model.selector is not None) == selects(name)
    hook = 'BudgetTableHook' if expects_errors(name) else 'GumbelTemperatureHook'
    assert [one.type for one in cfg.custom_hooks] == [hook] * selects(name)
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[-1].get('end', 50) == int(arm['epochs'])
    assert cfg.model.get('train_student', True) == (arm['method'] != 'selector')
    if expects_errors(name):  # three times the price
        assert cfg.model.price == {'0.1': 1., '0.3': 3.}[arm['gamma']]
    elif selects(name):
        assert cfg.model.objective.cost.loss_weight == float(arm['gamma'])
    else:
        assert cfg.model.objective is None


@pytest.mark.parametrize('name', ARMS)
def test_scales_are_the_official_ones(name):
    model = load(CONFIGS[name]).model
    if model.selector is not None:
        assert model.selector.scale_factors == SCALES
        assert model.scale_factors is None and model.test_scale is None
    else:
        fixed = ([.5], None) if ARMS[name]['method'] == 'half' else (SCALES, .5)
        assert (model.scale_factors, model.test_scale) == fixed


@pytest.mark.parametrize('name', PAPER)
def test_paper_where_it_differs(name):
    model = load(CONFIGS[name]).model
    losses, objective = model.losses, model.objective
    sequence = (losses.sequence.topk, losses.sequence.reduction)
    assert (objective.type, objective.preset) == ('GumbelObjective', 'paper')
    assert PRESETS['paper'].items() <= objective.accuracy.to_dict().items()
    assert len(model.selector.costs) == 6
    assert losses.roi.reduction == losses.context.reduction == 'norm'
    assert sequence == (3, 'log_sum')


@pytest.mark.parametrize('name', [name for name in named(method='dld') if name not in PAPER])
def test_official_elsewhere(name):
    model = load(CONFIGS[name]).model
    selector, losses, objective = model.selector, model.losses, model.objective
    assert (selector.temperature, selector.temperature_decay) == (5., .965)
    if not expects_errors(name):
        assert (objective.type, objective.preset) == ('GumbelObjective', 'official')
        assert objective.accuracy.mode == 'ce' and objective.accuracy.loss_weight == 1
        assert selector.predicts == 'logits' and selector.costs == 1.5
    assert losses.roi.reduction == losses.context.reduction == 'mse'
    assert (losses.sequence.topk, losses.sequence.reduction) == (1, 'mean')
    assert {loss.loss_weight for loss in losses_of(load(CONFIGS[name])).values()} == {1.}
    assert model.max_long_edge == dict(train=1600, test=3000) and not model.antialias


# Selectors that have learnt before

@pytest.mark.parametrize('name', ARMS)
def test_starts_with_the_selector_of_its_price(name):
    """Those taught a target do; the method's own way starts from nothing."""
    start = load(CONFIGS[name]).load_from
    if ARMS[name]['method'] in ('dld', 'drs') and expects_errors(name):
        assert start == last_checkpoint(selector_arm(name))
    elif ARMS[name]['method'] != 'selector':
        assert start is None


@pytest.mark.parametrize('name', named(method='selector'))
def test_selector_is_that_of_the_students(name):
    """Its checkpoint fits: same networks, same start, same images; its losses are theirs."""
    cfg, arm = load(CONFIGS[name]), ARMS[name]
    (student, ) = [name for name in named(method='dld', **{
        key: arm[key] for key in ('spotter', 'gamma', 'data')}) if expects_errors(name)]
    ours, theirs = configured(cfg), configured(load(CONFIGS[student]))
    assert losses_of(cfg).items() <= losses_of(load(CONFIGS[student])).items()
    for run in (ours, theirs):
        del run['model']['losses'], run['model']['train_student']
        for key in ('load_from', 'optim_wrapper', 'param_scheduler', 'train_cfg'):
            del run[key]
    assert ours == theirs


@pytest.mark.parametrize('name', named(method='selector'))
def test_selectors_learn_one_after_the_other(name):
    """The first price from nothing, the others from the selector of the first."""
    (first, ) = named(method='selector', gamma='0.1', data=ARMS[name]['data'])
    assert load(CONFIGS[name]).load_from == (None if name == first else last_checkpoint(first))


# Costs

@pytest.mark.parametrize('name', named(way='-paper', data='embedded-sizes'))
def test_costs_of_the_table_are_measured(name):
    cfg = load(CONFIGS[name])
    detector = MODELS.build(small_teacher(name)['detector']).eval()

    @torch.no_grad()
    def operations(scale):
        size = [padded(side, 32) for side in scaled_size(cfg.resize.scale, scale)]
        return product_macs(partial(detector, torch.zeros(1, 3, *size), None, 'tensor')) / 1e9

    selector = cfg.model.selector
    shares = [operations(scale) / operations(1) for scale in selector.scale_factors]
    assert shares == pytest.approx(selector.costs, abs=1e-3)


@pytest.mark.parametrize('name', named(way='-paper', data='dld-mixture'))
def test_costs_of_the_papers_spotter_are_pixels(name):
    """Convolutions only: what a scale costs is its share of the pixels, padding included."""
    def pixels(scale):
        return math.prod(padded(side, 32) for side in scaled_size((896, 1184), scale))

    selector = load(CONFIGS[name]).model.selector
    shares = [pixels(scale) / pixels(1) for scale in selector.scale_factors]
    assert shares == pytest.approx(selector.costs, abs=6e-4)


# Teachers

@pytest.mark.parametrize('name', ARMS)
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


@pytest.mark.parametrize('name', named(method='dld', gamma='0.1', way=None))
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
    assert min(resize.scales)[0] <= min(SCALES) * full[0]


# Tables

def test_arms_of_a_table_differ_in_dld_only():
    """Same data, recipe, length, student and teacher: whatever is compared has the same budget."""
    for _, names in itertools.groupby(sorted(COMPARED, key=table), key=table):
        runs = [configured(load(CONFIGS[name])) for name in names]
        for run in runs:
            del run['custom_hooks'], run['load_from']  # a selector, and a student as it started
            assert run['model'].pop('train_student', True)
            for field in ('selector', 'losses', 'objective', 'scale_factors', 'test_scale',
                          'price', 'budget'):
                run['model'].pop(field, None)
        assert all(run == runs[0] for run in runs)


@pytest.mark.parametrize('name', ARMS)
def test_tests_report_what_was_chosen(name):
    cfg = load(CONFIGS[name])
    for evaluator in (cfg.val_evaluator, cfg.test_evaluator):
        spotting, chosen = evaluator if isinstance(evaluator, list) else evaluator.metrics
        assert spotting.type == 'E2ETextSpottingMetric' and spotting.lexicons['none'] is None
        assert (chosen.type, chosen.scale_factors) == ('ResolutionStatMetric', SCALES)


@pytest.mark.parametrize('name', [n for n in DET_REC if ARMS[n]['way'] is not None])
def test_temperature_falls_as_far_as_the_official_one(name):
    cfg = load(CONFIGS[name])
    images = {'embedded-sizes': 1200, 'icdar2015-mini': 400}[ARMS[name]['data']]
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
        result.set_metainfo(dict(dld_scale=scale, dld_scale_index=SCALES.index(scale)))
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
    assert all(result.dld_scale in SCALES for result in results)
    assert all(len(r.pred_instances.texts) == len(r.pred_instances.polygons) for r in results)


LOGGED = dict(roi='loss_kd_roi', context='loss_kd_context', sequence='loss_kd_seq')


def logged(name):
    of_selector = ({'loss_res_error'} if expects_errors(name) else
                   {'loss_res_acc', 'loss_res_cost'} if selects(name) else set())
    return {LOGGED[term] for term in terms(name)} | of_selector


def added(losses):
    return {key for key in losses if key.startswith(('loss_res', 'loss_kd'))}


def grad_norm(module):
    return sum(p.grad.norm().item() for p in module.parameters() if p.grad is not None)


def test_every_spotter_has_the_papers_arms():
    for spotter in SPOTTERS:
        methods = {(arm['method'], arm['gamma']) for arm in map(ARMS.get, named(spotter=spotter))}
        assert methods >= {('dld', '0.1'), ('dld', '0.3'), ('drs', '0.1'), ('skd', None),
                           ('half', None)}
