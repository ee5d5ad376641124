"""What a DLD spotter is made of, what it saves, where it starts and what it refuses."""
import copy

import pytest
import torch
from mmengine.runner import load_checkpoint, save_checkpoint
from mmocr.registry import MODELS
from tiny import dbnet_cfg
from tiny_dld import (
    DRS,
    SKD,
    dld,
    dld_cfg,
    found,
    prepared,
    same,
    selector_cfg,
    shake,
    student_cfg,
    tight,
)
from tiny_recog import abinet_cfg, checkpoint, crnn_cfg
from tiny_spotter import spotter_cfg

from mmocr_kd.distill.errors import InheritanceError

NOWHERE = {'config': 'nowhere.py', 'checkpoint': 'nowhere.pth'}


@pytest.fixture(scope='module')
def spec(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp('teacher') / 'teacher.pth', student_cfg(), seed=5)


def test_checkpoint_is_a_plain_spotters_and_the_selectors(spec):
    model = dld(spec)
    plain = MODELS.build(student_cfg())
    keys = set(model.state_dict())
    assert {key for key in keys if not key.startswith('selector.')} == set(plain.state_dict())
    selector = {f'selector.{key}' for key in MODELS.build(selector_cfg()).state_dict()}
    assert {key for key in keys if key.startswith('selector.')} == selector
    plain.load_state_dict({key: value for key, value in model.state_dict().items()
                           if not key.startswith('selector.')}, strict=True)


def test_each_parameter_is_there_once(spec):
    model = dld(spec, initialise=True)
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    assert len(names) == len(set(names)) == len(list(model.parameters()))
    assert {name.split('.')[0] for name in names} == {'student', 'selector'}


def test_the_teacher_is_nowhere(spec):
    model = dld(spec, initialise=True).train()
    model.loss(*prepared(model))
    theirs = {id(tensor) for tensor in (*model._teacher.model.parameters(),
                                        *model._teacher.model.buffers())}
    copied = copy.deepcopy(model)
    for one in (model, copied):
        assert not theirs & {id(tensor) for tensor in (*one.parameters(), *one.buffers(),
                                                       *one.state_dict().values())}
        assert not any('teacher' in key for key in one.state_dict())
    assert copied._teacher is model._teacher
    assert not {id(p) for p in model.parameters()} & {id(p) for p in copied.parameters()}
    assert copied.spotter is copied.student and copied._chooser.selector is copied.selector


@pytest.mark.parametrize('way', ['pytorch', 'mmengine'])
def test_round_trip(spec, tmp_path, way):
    model, path = shake(dld(spec)), str(tmp_path / 'model.pth')
    if way == 'pytorch':
        torch.save(model.state_dict(), path)
    else:
        save_checkpoint({'state_dict': model.state_dict(), 'meta': {}}, path)
    for fields in ({'teacher': spec}, {'losses': {}}):  # in training, and as it is put to use
        other = dld(seed=1, **fields)
        assert not same(model.state_dict(), other.state_dict())
        if way == 'pytorch':
            other.load_state_dict(torch.load(path, weights_only=True), strict=True)
        else:
            load_checkpoint(other, path, strict=True)
        assert same(model.state_dict(), other.state_dict())
    data = prepared(model)
    model, other = tight(model).eval(), tight(other).eval()
    assert str(found(model.predict(*data))) == str(found(other.predict(*data)))


def test_bare_spotters_and_dld_exchange_weights(tmp_path):
    plain, path = shake(MODELS.build(student_cfg())), str(tmp_path / 'plain.pth')
    save_checkpoint({'state_dict': plain.state_dict(), 'meta': {}}, path)
    fixed = dld(selector=None, scale_factors=[.5])
    load_checkpoint(fixed, path, strict=True)
    assert same(fixed.state_dict(), plain.state_dict())
    chosen = dld()
    load_checkpoint(chosen, path)  # the selector's keys are missing
    assert same(chosen.student.state_dict(), plain.state_dict())


def test_a_checkpoint_with_a_selector_in_a_model_without(tmp_path):
    fixed = dld(selector=None, scale_factors=[.5])
    with pytest.raises(RuntimeError, match='selector'):
        fixed.load_state_dict(dld().state_dict(), strict=True)


def test_the_config_is_left_alone(spec):
    cfg = dld_cfg(spec)
    before = str(cfg)
    MODELS.build(cfg)
    assert str(cfg) == before


def test_starts_from_the_teacher(spec):
    model = dld(spec, initialise=True)
    theirs = torch.load(spec['checkpoint'], weights_only=True)['state_dict']
    assert same(model.student.state_dict(), theirs)
    model = dld(spec, init_student_from_teacher=False, initialise=True)
    assert not same(model.student.state_dict(), theirs)


def test_starting_from_another_architecture(spec):
    student = student_cfg(detector=dbnet_cfg(width=.5))
    with pytest.raises(InheritanceError, match='shape'):
        dld(spec, student=student, initialise=True)


@pytest.mark.parametrize('chars', ['catdog7wl', None])
@pytest.mark.parametrize('inherit', [True, False])
def test_dictionaries_that_differ(spec, tmp_path, chars, inherit):
    """Fewer classes, and the same classes in another order, which no shape would tell."""
    student = student_cfg()
    with open(student['recognizer']['decoder']['dictionary']['dict_file']) as f:
        known = f.read().split()
    path = tmp_path / 'dict.txt'
    path.write_text('\n'.join(chars or reversed(known)))
    student['recognizer']['decoder']['dictionary']['dict_file'] = str(path)
    with pytest.raises(ValueError, match='different dictionaries'):
        model = dld(spec, student=student, init_student_from_teacher=inherit, initialise=True)
        model.train().loss(*prepared(model))


def test_missing_teachers_matter_in_training_only():
    model = dld(NOWHERE)
    assert len(model.eval().predict(*prepared(model))) == 3
    model.state_dict()
    with pytest.raises(FileNotFoundError, match='nowhere'):
        model.init_weights()
    with pytest.raises(FileNotFoundError, match='nowhere'):
        model.train().loss(*prepared(model))


def test_a_missing_checkpoint_is_named(spec):
    model = dld({**spec, 'checkpoint': 'work_dirs/nowhere.pth'})
    model.eval().predict(*prepared(model))
    with pytest.raises(FileNotFoundError, match='work_dirs/nowhere.pth'):
        model.init_weights()


@pytest.mark.parametrize('fields, match', [
    ({'losses': SKD}, 'there is no teacher'),
    ({'objective': {**DRS, 'preset': 'paper'}}, 'compare with a teacher'),
    ({'losses': {'region': {}}}, 'region'),
    ({'selector': None, 'objective': DRS, 'scale_factors': [.5]}, 'there is none'),
    ({'objective': {'type': 'ErrorObjective'}}, "predicts='errors', this one"),
    ({'price': 2.}, 'price=2.0 and budget=None'),
    ({'budget': .5}, 'budget=0.5'),
    ({'selector': None, 'losses': {}}, 'either a selector'),
    ({'scale_factors': [.5]}, 'either a selector'),
    ({'selector': None, 'losses': {}, 'scale_factors': [.5, .3], 'test_scale': .5}, 'rise'),
    ({'selector': None, 'losses': {}, 'scale_factors': [.5, 1.3], 'test_scale': .5}, r'\(0, 1\]'),
    ({'selector': selector_cfg([.5, .3])}, 'rise'),
    ({'selector': selector_cfg([.5, 1.1])}, r'\(0, 1\]'),
    ({'selector': None, 'losses': {}, 'scale_factors': [.3, .5]}, 'test_scale'),
    ({'test_scale': 1.5}, 'test_scale=1.5'),
    ({'max_long_edge': {'val': 3}}, 'val'),
    ({'max_long_edge': {'test': 0}}, 'max_long_edge=0'),
    ({'pad_divisor': 0}, 'pad_divisor=0'),
])
def test_bad_fields(fields, match):
    with pytest.raises(ValueError, match=match):
        dld(**fields)


@pytest.mark.parametrize('fields, match', [
    ({'student': dbnet_cfg()}, 'DBNet'),
    ({'student': crnn_cfg(low_res=False)}, 'CRNN'),
    ({'selector': dbnet_cfg()}, 'selector'),
    ({'teacher': {'type': 'ModelTeacher', **NOWHERE}}, 'ModelTeacher'),
])
def test_wrong_types(fields, match):
    with pytest.raises(TypeError, match=match):
        dld(**fields)


def test_spotters_of_other_parts(tmp_path):
    """A coloured attention recogniser, whose classes have an end token."""
    student = spotter_cfg(recognizer=abinet_cfg(low_res=False), color_type='color',
                          crop={'size': (32, 128)})
    spec = checkpoint(tmp_path / 'abinet.pth', student)
    losses = {**SKD, 'sequence': {'search': 'greedy', 'topk': 1, 'reduction': 'mean'}}
    model = dld(spec, student=student, losses=losses, objective={**DRS, 'preset': 'paper'},
                initialise=True).train()
    results = model.loss(*prepared(model))
    assert {'loss_kd_roi', 'loss_kd_context', 'loss_kd_seq', 'loss_res_acc'} <= set(results)
    assert all(torch.as_tensor(value).isfinite().all() for value in results.values())
