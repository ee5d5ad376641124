import pytest
import tiny_recog
from mmengine.config import Config
from mmocr.registry import MODELS

from mmocr_kd.apis import find_low_res_distillation

TEACHER = {'config': 'teacher.py', 'checkpoint': 'teacher.pth'}
VISUAL = {'type': 'VisualFocusLoss'}
HARD = {'type': 'HardLabelLoss', 'loss_weight': .5}


def cfg(**fields):
    model = {'type': 'LowResRecognizerDistiller', 'student': tiny_recog.crnn_cfg(),
             'teacher': TEACHER, 'losses': {'visual': VISUAL, 'hard': HARD},
             'visual': 'backbone'}
    return Config({'model': {**model, **fields}})


def test_finds_model_and_teacher():
    found = find_low_res_distillation(cfg())
    assert found.model == cfg().model and found.teachers == [TEACHER]
    found.teachers[0]['checkpoint'] = 'other.pth'
    assert found.model['teacher']['checkpoint'] == 'other.pth'


@pytest.mark.parametrize('losses, left', [
    ({'visual': VISUAL, 'hard': HARD}, {'hard': HARD}),
    ({'visual': VISUAL}, {'hard': {'type': 'HardLabelLoss'}}),
])
def test_without_distillation_only_labels_are_left(losses, left):
    alone = find_low_res_distillation(cfg(losses=losses)).labels_only()
    assert alone['losses'] == left and alone['visual'] == 'backbone'
    model = MODELS.build(alone)
    model.init_weights()  # there is no such teacher
    data = tiny_recog.pairs('hello')
    data.pop('hr_inputs')
    losses = model.train()(**model.data_preprocessor(data, True), mode='loss')
    assert list(losses) == ['loss_hard'] and losses['loss_hard'] > 0


def test_changing_the_result_leaves_the_config_alone():
    config = cfg()
    before = config.to_dict()
    found = find_low_res_distillation(config)
    alone = found.labels_only()
    alone['student']['backbone'] = found.teachers[0]['checkpoint'] = 'changed'
    assert found.model['student'] == before['model']['student']
    alone['losses']['hard']['loss_weight'] = 2.
    assert found.model['losses'] == before['model']['losses']
    found.model['losses'].clear()
    assert config.to_dict() == before


@pytest.mark.parametrize('config, words', [
    (lambda: Config({'model': tiny_recog.crnn_cfg()}), 'type CRNN: a LowRes'),
    (lambda: cfg(losses={'labels': HARD}), r"distils nothing.*\['labels'\]"),
])
def test_anything_else_is_refused(config, words):
    with pytest.raises(ValueError, match=words):
        find_low_res_distillation(config())
