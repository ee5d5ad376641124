import pytest
import tiny_dld
import tiny_dld_detector
from mmengine.config import Config
from mmocr.models.textdet import DBNet
from mmocr.registry import MODELS

from mmocr_kd.apis import build_loaded, deployed_config, student_checkpoint
from mmocr_kd.models import DLDTextDetector

SCALES = {'type': 'ResolutionStatMetric', 'scale_factors': [.5]}
READING = {'type': 'E2ETextSpottingMetric'}


def training(**fields):
    return Config({'model': tiny_dld.dld_cfg(), **fields})


@pytest.mark.parametrize('evaluator, left', [
    (SCALES, []), ([SCALES], []), ([READING, SCALES], [READING]), (READING, READING),
    ({'type': 'MultiDatasetsEvaluator', 'metrics': [SCALES, READING]},
     {'type': 'MultiDatasetsEvaluator', 'metrics': [READING]}),
])
def test_evaluators_of_the_plain_student_ask_for_no_scale(evaluator, left):
    cfg = training(test_evaluator=evaluator, val_evaluator=None)
    assert deployed_config(cfg).test_evaluator == left
    assert deployed_config(cfg, with_selector=True).test_evaluator == evaluator


def test_the_training_config_stays_as_it_was():
    cfg = training(custom_hooks=[{'type': 'GumbelTemperatureHook'}], test_evaluator=[SCALES])
    before = cfg.to_dict()
    for with_selector in (False, True):
        found = deployed_config(cfg, with_selector)
        found.model['data_preprocessor'] = found.custom_hooks = None
    assert cfg.to_dict() == before


@pytest.mark.parametrize('students', [{}, {'type': 'TextDetDataPreprocessor', 'mean': [1.]}])
def test_preprocessor_of_the_wrapper_goes_along(students):
    own = {'type': 'TextDetDataPreprocessor', 'pad_size_divisor': 64}
    cfg = Config({'model': tiny_dld.dld_cfg(data_preprocessor=own)})
    cfg.model.student.data_preprocessor = students
    assert deployed_config(cfg).model.data_preprocessor == own
    assert deployed_config(cfg, with_selector=True).model.data_preprocessor == own


@pytest.mark.parametrize('with_selector, kind', [(False, DBNet), (True, DLDTextDetector)])
def test_detectors(with_selector, kind):
    trained = tiny_dld_detector.dld()
    cfg = deployed_config(Config({'model': tiny_dld_detector.dld_cfg()}), with_selector)
    state = student_checkpoint({'state_dict': trained.state_dict()}, with_selector)['state_dict']
    model = build_loaded(cfg, cfg.model, state, 'detector.pth')
    assert type(model) is kind and len(state) == len(model.state_dict())


def test_detectors_leave_what_rated_their_scales():
    cfg = tiny_dld_detector.dld_cfg(
        train_student=False,
        recognizer={'config': 'words.py', 'checkpoint': 'words.pth', 'crop': {'size': (32, 100)}})
    model = deployed_config(Config({'model': cfg}), with_selector=True).model
    assert not {'objective', 'train_student', 'recognizer', 'init_cfg'} & set(model)
    assert MODELS.build(model.to_dict()).objective is None


def test_spotters_leave_how_they_were_trained():
    cfg = training(load_from='selector.pth', train_cfg={'max_epochs': 1}, resume=True)
    cfg.model.update(train_student=False, losses={},
                     teacher={'config': 'plain.py', 'checkpoint': 'plain.pth'})
    deployed = deployed_config(cfg, with_selector=True)
    assert set(deployed) == {'model'}
    assert not {'train_student', 'losses', 'teacher'} & set(deployed.model)
    model = MODELS.build(deployed.model.to_dict())
    assert model.train_student and model.selector is not None
    assert all(p.requires_grad for p in model.parameters())  # may be trained on


def test_a_plain_model_has_no_selector_to_keep():
    cfg = Config({'model': tiny_dld.student_cfg()})
    assert deployed_config(cfg).model == cfg.model
    with pytest.raises(ValueError, match='DetRecTextSpotter with selector=None'):
        deployed_config(cfg, with_selector=True)
