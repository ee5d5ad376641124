import pytest
import tiny
import tiny_recog
import torch
from mmengine.config import Config
from mmocr.models.textdet import DBNet
from mmocr.models.textrecog import CRNN
from mmocr.registry import MODELS

from mmocr_kd.apis import load_student, read_checkpoint, student_checkpoint, student_config

TERM = {'loss': {'type': 'FitNetLoss'}, 'source': 'neck',
        'adaptor': {'type': 'ConvAdaptor', 'in_channels': 16, 'out_channels': 32}}


@pytest.mark.parametrize('fields', [
    {}, {'type': 'DBNetDistiller', 'terms': [TERM],
         'teacher': {'config': 'teacher.py', 'checkpoint': 'teacher.pth'}}])
def test_loads_the_plain_detector_whatever_it_was_trained_in(fields, tmp_path):
    cfg = tiny.dbnet_cfg(**fields)
    tiny.checkpoint(tmp_path / 'student.pth', cfg)
    model = load_student(Config({'model': cfg}), tmp_path / 'student.pth')
    saved = torch.load(tmp_path / 'student.pth')['state_dict']
    assert type(model) is DBNet and not model.training
    assert all(value.equal(saved[key]) for key, value in model.state_dict().items())
    assert bool(fields) == any(key not in model.state_dict() for key in saved)


def test_loads_the_plain_recognizer_out_of_a_distiller(tmp_path):
    losses = {'semantic': {'type': 'SemanticContrastiveLoss'}, 'hard': {'type': 'HardLabelLoss'}}
    cfg = {'type': 'LowResRecognizerDistiller', 'student': tiny_recog.crnn_cfg(), 'losses': losses,
           'teacher': {'config': 'teacher.py', 'checkpoint': 'teacher.pth'}}
    tiny_recog.checkpoint(tmp_path / 'student.pth', cfg)
    model = load_student(Config({'model': cfg}), tmp_path / 'student.pth')
    saved = torch.load(tmp_path / 'student.pth')['state_dict']
    assert type(model) is CRNN and not model.training
    assert all(value.equal(saved[key]) for key, value in model.state_dict().items())
    assert any(key.startswith('losses.semantic.projector') for key in saved)


def test_preprocessor_of_the_wrapper_goes_to_a_student_without_one():
    student, shared = tiny_recog.crnn_cfg(), {'type': 'PairedTextRecogDataPreprocessor'}
    own = student['data_preprocessor']
    cfg = {'type': 'LowResRecognizerDistiller', 'student': student, 'data_preprocessor': shared}
    assert student_config(cfg)['data_preprocessor'] == own
    student.pop('data_preprocessor')
    assert student_config(cfg)['data_preprocessor'] == shared


def test_weights_of_another_model_are_refused(tmp_path):
    tiny.checkpoint(tmp_path / 'wide.pth', tiny.dbnet_cfg(width=.5))
    with pytest.raises(ValueError, match='wide.pth does not fit') as caught:
        load_student(Config({'model': tiny.dbnet_cfg()}), tmp_path / 'wide.pth')
    lines = str(caught.value).splitlines()
    assert len(lines) == 8 and 'backbone' in lines[1] and 'the config wants' in lines[1]
    assert 'more' in lines[-2]


def test_student_checkpoint_drops_what_training_added_only():
    weight = torch.ones(1)
    whole = {'meta': {'epoch': 3}, 'optimizer': {}, 'message_hub': {},
             'state_dict': {'adaptors.term0.weight': weight, 'losses.x.projector.w': weight,
                            'neck.adaptors.weight': weight}}
    assert student_checkpoint(whole) == {'meta': {'epoch': 3},
                                         'state_dict': {'neck.adaptors.weight': weight}}
    assert 'optimizer' in whole and len(whole['state_dict']) == 3
    assert student_checkpoint({'state_dict': {}})['meta'] == {}


def test_bad_files_are_named(tmp_path):
    with pytest.raises(ValueError, match='missing.pth cannot be read'):
        read_checkpoint(tmp_path / 'missing.pth')
    torch.save(MODELS.build(tiny.dbnet_cfg()).state_dict(), tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match="bare.pth holds no 'state_dict'"):
        read_checkpoint(tmp_path / 'bare.pth')
