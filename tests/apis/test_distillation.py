import pytest
import tiny
from mmengine.config import Config
from mmocr.models.textdet import DBNet
from mmocr.registry import MODELS

from mmocr_kd.adapters import build_terms
from mmocr_kd.apis import find_distillation

TEACHER = {'config': 'teacher.py', 'checkpoint': 'teacher.pth'}
HOOK = {'type': 'MaskETDistillHook', 'teacher': TEACHER}
CWD = {'type': 'CWDLoss', 'loss_weight': 2.}
TERM = {'loss': {'type': 'FitNetLoss'}, 'source': 'neck',
        'adaptor': {'type': 'ConvAdaptor', 'in_channels': 16, 'out_channels': 32}}


def cfg(*hooks, **model):
    return Config({'model': tiny.dbnet_cfg(**model), 'custom_hooks': list(hooks)})


def wrapped(*hooks):
    return cfg(*hooks, type='DBNetDistiller', teacher=TEACHER, terms=[TERM])


def test_hook_leaves_the_model_as_it_is():
    found = find_distillation(cfg({'type': 'EMAHook'}, {**HOOK, 'loss': CWD, 'source': 'neck'}))
    assert found.student == found.model == tiny.dbnet_cfg()
    assert found.terms == [{'loss': CWD, 'source': 'neck', 'teacher': TEACHER}]
    assert found.teachers == [TEACHER]
    assert [hook['type'] for hook in found.hooks] == ['MaskETDistillHook']


@pytest.mark.parametrize('fields', [{}, {'loss': None}])
def test_hook_without_loss_means_masket(fields):
    term = build_terms(find_distillation(cfg({**HOOK, **fields})).terms)['term0']
    assert type(term.loss).__name__ == 'MaskETLoss' and term.comparison.draw_mask is not None


def test_hook_by_its_import_path():
    path = 'mmocr_kd.hooks.MaskETDistillHook'
    assert find_distillation(cfg({**HOOK, 'type': path})).teachers == [TEACHER]


def test_wrapper_gives_the_plain_student_with_the_same_keys():
    found = find_distillation(wrapped())
    plain, whole = MODELS.build(found.student), MODELS.build(found.model)
    assert type(plain) is DBNet and found.hooks == []
    keys = {key for key in whole.state_dict() if not key.startswith('adaptors.')}
    assert set(plain.state_dict()) == keys < set(whole.state_dict())
    assert build_terms(found.terms)['term0'].comparison.adaptor is None
    assert found.teachers == [TEACHER]


def test_changing_the_result_leaves_the_config_alone():
    for config in (cfg({**HOOK, 'schedule': {'start': 3}}), wrapped()):
        before = config.to_dict()
        found = find_distillation(config)
        found.teachers[0]['checkpoint'] = found.model['backbone']['arch'] = 'changed'
        found.terms[0]['loss'] = None
        for hook in found.hooks:
            hook['schedule'] = None
        assert config.to_dict() == before


@pytest.mark.parametrize('config', [
    lambda terms: cfg({**HOOK, 'terms': terms}),
    lambda terms: cfg(type='DBNetDistiller', teacher=TEACHER, terms=terms)])
def test_terms_come_with_their_teachers(config):
    other = {**TEACHER, 'checkpoint': 'other.pth'}
    found = find_distillation(config([{'loss': CWD}, {'loss': CWD, 'teacher': other, 'mask': 'none',
                                                      'schedule': {'start': 2}}]))
    assert found.terms == [{'loss': CWD, 'teacher': TEACHER},
                           {'loss': CWD, 'teacher': other, 'mask': 'none'}]
    assert found.teachers == [TEACHER, other]
    found.teachers[1]['checkpoint'] = 'changed.pth'
    part = found.hooks[0] if found.hooks else found.model
    assert part['terms'][1]['teacher']['checkpoint'] == 'changed.pth'


@pytest.mark.parametrize('config, words', [
    (lambda: cfg(), '0 MaskETDistillHook .* type DBNet:'),
    (lambda: cfg(HOOK, HOOK), '2 MaskETDistillHook'),
    (lambda: wrapped(HOOK), '1 MaskETDistillHook .* DBNetDistiller:'),
])
def test_anything_but_one_distillation_is_refused(config, words):
    with pytest.raises(ValueError, match=words):
        find_distillation(config())
