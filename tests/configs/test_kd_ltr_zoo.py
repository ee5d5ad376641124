"""What configs/textrecog/kd_ltr promises: pairs that fit, arms that differ in one thing, data."""
import inspect
import math
import os
import re
from pathlib import Path

import mmocr
import pytest
import torch
import yaml
from config_zoo import CONFIGS, load
from kd_ltr_pairs import (
    DISTILLED,
    STR,
    batch,
    dataset,
    small_config,
    small_pair,
    teacher_config,
    write_words,
)
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from mmengine.runner import Runner
from mmengine.structures import LabelData
from mmocr.registry import EVALUATOR, MODELS
from mmocr.structures import TextRecogDataSample

from mmocr_kd.apis import student_checkpoint

RECOGNISERS = ('abinet', 'abinet-mmocr', 'matrn', 'parseq', 'parseq-tiny')
FAMILIES = [name for name in DISTILLED if re.search('kd-ltr_.*(textzoom|embedded)$', name)]
RUNNER = {*inspect.signature(Runner).parameters, 'default_scope', 'auto_scale_lr'}
# 'mmocr::' leads to where links end.
MMOCR = Path(mmocr.__file__).resolve().parent / '.mim/configs/textrecog'


def arm(name, kind=''):
    return load(CONFIGS[f'{name}-lr{kind}_100e_textzoom'])


def configured(cfg):
    """What a runner sees, without the helpers of the files."""
    return {key: value for key, value in cfg.to_dict().items() if key in RUNNER}


@pytest.fixture(scope='module')
def words(tmp_path_factory):
    """Folder with small files of TextZoom and of the benchmarks."""
    root = tmp_path_factory.mktemp('words')
    write_words(root)
    return root


def differences(left, right, prefix=''):
    """Dotted names of the fields in which two configs differ."""
    if isinstance(left, Config):
        left, right = configured(left), configured(right)
    if not (isinstance(left, dict) and isinstance(right, dict)):
        return set() if left == right else {prefix.removeprefix('.')}
    return {name for key in {*left, *right}
            for name in differences(left.get(key), right.get(key), f'{prefix}.{key}')}


def test_students_with_a_network_as_teacher_are_told_by_name():
    named = [name for name, path in CONFIGS.items()
             if path.parent.name == 'kd_ltr' and 'config' in load(path).model.get('teacher', {})]
    assert named == DISTILLED


# Teachers

@pytest.mark.parametrize('name', DISTILLED)
def test_teacher_reads_what_the_student_reads(name):
    """Colours, classes, steps and language passes."""
    cfg = load(CONFIGS[name])
    student, teacher = cfg.model.student, teacher_config(cfg).model
    assert student.type == teacher.type
    assert student.data_preprocessor == teacher.data_preprocessor
    assert same_file(student.decoder.dictionary) == same_file(teacher.decoder.dictionary)
    for field in ('max_seq_len', 'num_iters', 'type'):
        assert student.decoder.get(field) == teacher.decoder.get(field)


def same_file(dictionary):
    return {**dictionary, 'dict_file': os.path.realpath(dictionary.dict_file)}


@pytest.mark.parametrize('name', DISTILLED)
def test_teachers_weights_are_where_they_will_be(name):
    """Published, converted by the README's command, or saved by MMOCR."""
    cfg = load(CONFIGS[name])
    config, checkpoint = cfg.model.teacher.config, cfg.model.teacher.checkpoint
    stem = Path(config).stem
    if checkpoint.startswith('https://'):
        published = stem.replace('abinet-mmocr', 'abinet')
        metafile = MMOCR / re.match('[a-z]+', published)[0] / 'metafile.yml'
        assert checkpoint in [
            model['Weights'] for model in yaml.safe_load(metafile.read_text())['Models']
            if Path(model['Config']).stem == published]
    elif 'pretrained' in checkpoint:
        assert checkpoint == f'work_dirs/pretrained/{stem.split("_")[0].split("-off")[0]}' \
            '_official.pth'
    else:
        loop = teacher_config(cfg).train_cfg
        last = f'iter_{loop.max_iters}' if 'max_iters' in loop else f'epoch_{loop.max_epochs}'
        assert checkpoint == f'work_dirs/{stem}/{last}.pth'


def test_abinet_for_either_weights():
    """Four switches: colour order, gate (the converter's), language passes, steps that count."""
    official, theirs = (arm(name).model for name in ('abinet', 'abinet-mmocr'))
    assert official.student.data_preprocessor.bgr_to_rgb is True
    assert theirs.student.data_preprocessor.bgr_to_rgb is False
    assert (official.valid_steps, theirs.valid_steps) == (None, 25)
    assert official.student.decoder.num_iters == theirs.student.decoder.num_iters == 1
    published = load(MMOCR / 'abinet/abinet_20e_st-an_mj.py').model
    ours = load(CONFIGS['abinet-mmocr_20e_st-an_mj']).model
    assert differences(published.to_dict(), ours.to_dict()) - {'_scope_'} == {
        'decoder.num_iters', 'data_preprocessor.bgr_to_rgb'}  # MMOCR's default: False


# Arms

@pytest.mark.parametrize('name', RECOGNISERS)
def test_arms_differ_in_the_losses_only(name):
    hard, distilled = arm(name), arm(name, '_kd-ltr')
    assert {field.split('.')[1] for field in differences(hard, distilled)} == {'losses'}
    assert hard.model.losses == dict(hard=dict(type='HardLabelLoss', loss_weight=1.0))
    assert list(distilled.model.losses) == ['visual', 'semantic', 'logits', 'hard']


def test_robust_arm_differs_in_the_mask_only():
    assert differences(arm('abinet', '_kd-ltr'), arm('abinet', '_kd-ltr-robust')) == {
        'model.losses.logits.mask_source'}


def test_weights_of_mmocr_change_what_they_must():
    assert differences(arm('abinet'), arm('abinet-mmocr')) == {
        'model.student.data_preprocessor.bgr_to_rgb', 'model.teacher.config',
        'model.teacher.checkpoint', 'model.valid_steps'}


def test_recognisers_differ_in_model_and_labels_only():
    for name in RECOGNISERS:
        fields = differences(arm('abinet', '_kd-ltr'), arm(name, '_kd-ltr'))
        assert {f for f in fields if not f.startswith('model.')} <= {
            'train_dataloader.dataset.pipeline'}


@pytest.mark.parametrize('name', RECOGNISERS)
def test_plain_config_is_the_student(name):
    plain, student = arm(name, '-plain'), arm(name)
    assert plain.model == student.model.student
    assert plain.load_from == student.model.teacher.checkpoint
    assert {field.split('.')[0] for field in differences(plain, student)} == {
        'model', 'load_from', 'train_dataloader', 'val_dataloader', 'test_dataloader'}


@pytest.mark.parametrize('name', ['abinet', 'matrn', 'parseq', 'parseq-tiny'])
@pytest.mark.parametrize('kind', ['str', 'str-degraded'])
def test_benchmark_configs_differ_in_what_is_tested(name, kind):
    cfg = load(CONFIGS[f'{name}-lr_kd-ltr_100e_textzoom_{kind}'])
    assert {field.rpartition('.')[0] for field in differences(arm(name, '_kd-ltr'), cfg)} == {
        'test_dataloader.dataset', 'test_evaluator'}
    assert tuple(part.ann_file for part in cfg.test_dataloader.dataset.datasets) == STR
    assert tuple(cfg.test_evaluator.dataset_prefixes) == STR
    tested = [part.pipeline or cfg.test_dataloader.dataset.pipeline
              for part in cfg.test_dataloader.dataset.datasets]
    assert {any(step.type == 'TextDegradation' for step in steps) for steps in tested} == {
        kind == 'str-degraded'}


# Recipe

def test_recipe_is_the_official_one(tmp_path):
    cfg = arm('parseq-tiny', '_kd-ltr')
    assert cfg.train_dataloader.batch_size == 64 and cfg.train_dataloader.drop_last
    model = small_pair(cfg, tmp_path)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    optimizer = wrapper.optimizer
    assert type(optimizer) is torch.optim.Adam and optimizer.defaults['betas'] == (.5, .999)
    assert wrapper.clip_grad_kwargs == dict(max_norm=.25)
    rates = {id(p): group['lr'] for group in optimizer.param_groups for p in group['params']}
    doubled = {name for name, p in model.named_parameters() if rates[id(p)] == 1e-4}
    assert doubled == {'student.backbone.patch_embed.proj.weight'} | {
        name for name, _ in model.named_parameters() if name.startswith('losses.')}
    assert {*rates.values()} == {5e-5, 1e-4} and len(rates) == len([*model.parameters()])
    assert epochs_at(cfg, wrapper) == pytest.approx({5e-5: 25, 5e-6: 25, 5e-7: 25, 5e-8: 25})


def epochs_at(cfg, wrapper):
    """Learning rate -> number of epochs."""
    schedulers = [PARAM_SCHEDULERS.build(s, default_args=dict(optimizer=wrapper))
                  for s in cfg.param_scheduler]
    counts = {}
    for _ in range(cfg.train_cfg.max_epochs):
        rate = float(f'{min(group["lr"] for group in wrapper.param_groups):.6g}')
        counts[rate] = counts.get(rate, 0) + 1
        for scheduler in schedulers:
            scheduler.step()
    return counts


@pytest.mark.parametrize('name', ['abinet', 'parseq'])
def test_models_are_chosen_on_words_set_aside(name, words):
    cfg = arm(name)
    train, val = (dataset(cfg, part, words) for part in ('train', 'val'))
    assert all(part.ann_file.endswith(('train1', 'train2')) for part in train.datasets)
    (aside, ) = val.datasets
    records = {info['record'] for info in map(aside.get_data_info, range(len(aside)))}
    trained = train.datasets[1]
    assert records.isdisjoint(trained.get_data_info(i)['record'] for i in range(len(trained)))
    assert len(aside) + len(trained) == 120
    assert cfg.default_hooks.checkpoint.save_best in evaluated(cfg.val_evaluator, val)


def test_scores_are_per_set_and_weighted(words):
    cfg = arm('matrn', '_kd-ltr')
    names = evaluated(cfg.test_evaluator, dataset(cfg, 'test', words))
    assert {f'{part}/recog/word_acc_ignore_case_symbol'
            for part in ('easy', 'medium', 'hard', 'weighted')} <= {*names}


def evaluated(evaluator, data):
    """Scores of a model that reads 'word' everywhere."""
    evaluator = EVALUATOR.build(evaluator)
    evaluator.dataset_meta = data.metainfo
    sample = TextRecogDataSample(gt_text=LabelData(item='Word'), pred_text=LabelData(item='word'))
    evaluator.process([sample] * len(data))
    return evaluator.evaluate(len(data))


def test_labels_fit_the_dictionaries(words):
    few, many = ({data[i]['data_samples'].gt_text.item for i in range(3)}
                 for data in (dataset(arm(name), 'train', words) for name in ('abinet', 'parseq')))
    assert few <= {'word', 'a', 'a1'}  # another word in the place of "it's"
    assert many == {'Word', "it's", 'a'}


# Pairs

@pytest.mark.parametrize('name', FAMILIES)
def test_pair_learns_and_reads(name, words, tmp_path):
    """With data from the config's own pipelines; few layers and random weights."""
    cfg = load(CONFIGS[name])
    model = small_pair(cfg, tmp_path)
    model.init_weights()
    data = model.data_preprocessor(batch(cfg, 'train', words), training=True)
    small, large = data['inputs'].shape, data['hr_inputs'].shape
    assert large == (*small[:2], 2 * small[2], 2 * small[3])
    losses = model.train()(**data, mode='loss')
    assert sorted(key for key in losses if 'loss' in key) == [
        'loss_hard', 'loss_logits', 'loss_semantic', 'loss_visual']
    total = model.parse_losses(losses)[0]
    total.backward()
    assert math.isfinite(total)
    assert grad_norm(model.losses) > 0
    student = model.student
    assert grad_norm(student.backbone if student.with_backbone else student.encoder) > 0
    with torch.no_grad():
        read = model.eval().test_step(batch(cfg, 'test', words))
    assert all(isinstance(sample.pred_text.item, str) for sample in read)


def grad_norm(module):
    return sum(p.grad.norm().item() for p in module.parameters() if p.grad is not None)


@pytest.mark.parametrize('mode', ['student', 'teacher_hr', 'teacher_upsampled'])
def test_benchmarks_are_read_by_either(mode, words, tmp_path):
    cfg = load(CONFIGS['parseq-tiny-lr_kd-ltr_100e_textzoom_str-degraded'])
    cfg = Config(cfg.to_dict())
    cfg.model.eval_mode = mode
    read = small_pair(cfg, tmp_path).eval().test_step(batch(cfg, 'test', words))
    assert all(isinstance(sample.pred_text.item, str) for sample in read)


def test_exported_student_loads_strictly_into_the_plain_config(words, tmp_path):
    distiller = small_pair(arm('parseq-tiny', '_kd-ltr'), tmp_path).eval()
    plain = MODELS.build(small_config(arm('parseq-tiny', '-plain').model))
    plain.load_state_dict(student_checkpoint(dict(state_dict=distiller.state_dict()))['state_dict'])
    ours, theirs = (
        [s.pred_text.item for s in model.test_step(batch(arm('parseq-tiny', kind), 'test', words))]
        for model, kind in ((distiller, '_kd-ltr'), (plain.eval(), '-plain')))
    assert ours == theirs
