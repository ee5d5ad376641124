"""A frozen spotter that reads for others."""
import copy

import pytest
import torch
from deferred import defer_checks, poison
from mmengine.hub import get_config
from mmocr.registry import MODELS
from tiny import dbnet_cfg
from tiny_dld import dld, pages, prepared, same, state, student_cfg
from tiny_recog import checkpoint
from tiny_spotter import spotter_cfg

from mmocr_kd.distill.errors import CheckpointError, TeacherOutputError
from mmocr_kd.losses import Reading
from mmocr_kd.models.dld import SpotterTeacher


@pytest.fixture(scope='module')
def spec(tmp_path_factory):
    return checkpoint(tmp_path_factory.mktemp('teacher') / 'teacher.pth', student_cfg())


@pytest.fixture(scope='module')
def plain(spec):
    """The teacher's model as its own project builds it."""
    model = MODELS.build(copy.deepcopy(spec['config']))
    model.load_state_dict(torch.load(spec['checkpoint'], weights_only=True)['state_dict'])
    return model.eval()


@pytest.fixture
def teacher(spec, plain):
    teacher = SpotterTeacher(**copy.deepcopy(spec))
    teacher.bind(plain)
    return teacher


@pytest.fixture(scope='module')
def data(plain):
    inputs, samples = prepared(plain)
    return inputs, samples, plain.words_of(samples)


def equal(first: Reading, second: Reading, atol=1e-4):
    for name in ('roi', 'context', 'logits'):
        torch.testing.assert_close(first.features[name], second.features[name], atol=atol,
                                   rtol=1e-4)
    assert torch.equal(first.labels.indexes, second.labels.indexes)
    assert torch.equal(first.image_index, second.image_index)


def hooks(model):
    return sum(len(module._forward_hooks) for module in model.modules())


def test_reads_as_the_spotter_does_in_eval_mode(teacher, plain, data):
    reading = teacher.read(*data)
    equal(reading, plain.read_along(*data))
    assert reading.image_index.tolist() == [0, 0, 2]


def test_is_frozen_and_stays_so(teacher, data):
    before = state(teacher.build())
    teacher.model.train()  # whoever does that
    teacher.model.eval()
    reading = teacher.read(*data)
    assert not any(p.requires_grad for p in teacher.model.parameters())
    assert not any(module.training for module in teacher.model.modules())
    assert not reading.logits[0].requires_grad and not reading.roi.requires_grad
    assert same(before, teacher.model.state_dict())


def test_does_not_depend_on_company(teacher, plain, data):
    """It would with statistics of the batch."""
    together = teacher.read(*data)
    inputs, samples = prepared(plain, pages()[2])
    alone = teacher.read(inputs, samples, plain.words_of(samples))
    torch.testing.assert_close(together.logits[0][2:], alone.logits[0], atol=1e-4, rtol=1e-4)


def test_never_detects(teacher, data):
    teacher.build().detector.forward = None  # would fail if called
    assert len(teacher.read(*data).logits[0]) == 3


def test_no_words(teacher, plain):
    inputs, samples = prepared(plain, pages()[1])
    assert teacher.read(inputs, samples, plain.words_of(samples)) is None


def test_reading_again_and_again_leaves_nothing_behind(teacher, data):
    first = teacher.read(*data)
    count = hooks(teacher.model)
    for _ in range(3):
        equal(teacher.read(*data), first, atol=0)
    assert hooks(teacher.model) == count


def test_students_that_normalise(teacher, plain, data):
    """A student whose preprocessor normalises; the teacher's does not."""
    normalises = MODELS.build(dbnet_cfg())
    inputs, samples, words = data
    mean, std = (getattr(normalises.data_preprocessor, name) for name in ('mean', 'std'))
    teacher.bind(normalises)
    equal(teacher.read((inputs.flip(1) - mean) / std, samples, words), plain.read_along(*data),
          atol=1e-3)


def test_copies_share_it(teacher):
    assert copy.deepcopy(teacher) is teacher


def test_autocast(teacher, data):
    with torch.autocast('cpu', torch.bfloat16):
        reading = teacher.read(*data)
    full = teacher.read(*data)
    assert reading.roi.dtype == torch.bfloat16
    error = (reading.logits[0].float() - full.logits[0]).abs().max()
    assert 0 < error < .1 * full.logits[0].abs().max()


def test_recognisers_with_a_rectifying_network(tmp_path):
    """ASTER's STN cannot take channels last."""
    recognizer = get_config('mmocr::textrecog/aster/aster_resnet45_6e_st_mj.py').model.to_dict()
    recognizer['backbone'].update(arch_layers=[1] * 5, arch_channels=[8] * 5, stem_channels=[8])
    recognizer['encoder']['in_channels'] = 8
    recognizer['decoder'].update(in_channels=8, emb_dims=8, attn_dims=8, hidden_size=8)
    cfg = spotter_cfg(recognizer=recognizer, color_type='color', crop={'size': (32, 128)})
    teacher = SpotterTeacher(**checkpoint(tmp_path / 'aster.pth', cfg))
    model = teacher.build()
    teacher.bind(model)
    inputs, samples = prepared(model)
    reading = teacher.read(inputs, samples, model.words_of(samples))
    assert reading.logits[0].shape[0] == 3 and reading.logits[0].isfinite().all()


def test_no_spotter(tmp_path):
    teacher = SpotterTeacher(**checkpoint(tmp_path / 'dbnet.pth', dbnet_cfg()))
    with pytest.raises(TypeError, match='DBNet'):
        teacher.spotter  # noqa: B018


def test_missing_and_foreign_checkpoints(spec, tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.pth'):
        SpotterTeacher(spec['config'], str(tmp_path / 'nowhere.pth')).build()
    other = checkpoint(tmp_path / 'dbnet.pth', dbnet_cfg())
    with pytest.raises(CheckpointError, match='does not fit'):
        SpotterTeacher(spec['config'], other['checkpoint']).build()


@pytest.mark.parametrize('queued', [False, True])
def test_teacher_that_gives_no_number_teaches_nothing(spec, queued, monkeypatch):
    model = dld(spec)
    decoder = model._bound_teacher().spotter.rec_decoder
    poison(next(decoder.parameters()))
    if queued:
        defer_checks(monkeypatch)
    with pytest.raises(TeacherOutputError, match="NaN or Inf for 'logits'.*tiny.png"):
        model.train()(*prepared(model), mode='loss')
