"""What a batch leaves behind, and whose modules are listened to."""
import copy

import pytest
import tiny_parseq
import tiny_recog
import torch
from mmengine.hub import get_config
from mmocr.registry import MODELS
from torch import nn

from mmocr_kd.adapters.recognition import (
    ReadingComparison,
    RecognizerTeacher,
    prepare_targets,
    same_orders,
)
from mmocr_kd.distill import Distiller, Teacher, Term


def nrtr_cfg(layers):
    model = get_config('mmocr::textrecog/nrtr/nrtr_modality-transform_6e_st_mj.py').model
    model.encoder.update(n_layers=1, d_inner=8)
    model.decoder.update(n_layers=layers, d_inner=8, max_seq_len=6)
    return model.to_dict()


class Seen(nn.Module):
    """A loss that keeps what it is called with."""

    def forward(self, *readings):
        self.readings = readings
        return {}


class Pair(nn.Module):
    """A student and a teacher who read the same words."""

    def __init__(self, folder, student, teacher, **fields):
        super().__init__()
        self.teacher = RecognizerTeacher(
            **tiny_recog.checkpoint(folder / 'teacher.pth', teacher))
        self.student = MODELS.build(copy.deepcopy(student)).train()
        self.seen, self.alone = Seen(), Seen()
        self.distiller = self.distilled(self.seen, self.teacher, **fields)
        self.undistilled = self.distilled(self.alone, None, **fields)
        self.data_preprocessor = MODELS.build(
            {**student['data_preprocessor'], 'type': 'PairedTextRecogDataPreprocessor'})

    def batch(self, *words, channels=1, size=(16, 50)):
        return self.data_preprocessor(tiny_recog.pairs(*words, channels=channels, size=size), True)

    def distilled(self, loss, teacher, **fields):
        comparison = ReadingComparison(self.student, teacher, **fields)
        return Distiller({'seen': Term(loss, comparison, teacher)})

    def read(self, batch, distiller=None, seen=None):
        distiller, seen = distiller or self.distiller, seen or self.seen
        if not distiller.attached:
            distiller.attach(self, self.student)
        samples = batch['data_samples']
        prepare_targets(self.student.decoder, samples)
        with same_orders(self.student, distiller.teachers, samples):
            distiller.around(lambda: dict(own=self.student(batch['inputs'], samples)),
                             batch['hr_inputs'], samples)
        return seen.readings


@pytest.fixture
def crnn(tmp_path):
    return Pair(tmp_path, tiny_recog.crnn_cfg(), tiny_recog.crnn_cfg(low_res=False))


@pytest.mark.parametrize('part', ['student', 'teacher'])
def test_batch_that_fails_leaves_nothing_behind(crnn, part):
    batch = crnn.batch('hello', 'ab')
    first = crnn.read(copy.deepcopy(batch))
    model = crnn.student if part == 'student' else crnn.teacher.model
    hook = model.decoder.decoder[1].register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        crnn.read(copy.deepcopy(batch))
    hook.remove()
    assert not any(module.training for module in crnn.teacher.model.modules())
    # Nobody listens now: both may read twice in a row, as when predicting.
    for _ in range(2):
        crnn.student.extract_feat(batch['inputs'])
        crnn.teacher.model.extract_feat(batch['hr_inputs'])
    again = crnn.read(copy.deepcopy(batch))
    for before, after in zip(first[:2], again[:2]):
        torch.testing.assert_close(before.logits, after.logits)


def test_nothing_is_kept_between_batches(crnn):
    crnn.read(crnn.batch('hello', 'ab'))
    for recorder in (crnn.distiller._recorder, crnn.teacher._recorder):
        assert not recorder._values and not recorder._active
    assert crnn.distiller._step is None


def test_alone_the_student_reads_as_in_a_pair_and_needs_no_teacher(crnn):
    batch = crnn.batch('hello', 'ab')
    samples = copy.deepcopy(batch['data_samples'])
    crnn.student.eval()  # what it reads depends on no batch before
    reading, itself, labels = crnn.read(
        {**batch, 'data_samples': samples}, crnn.undistilled, crnn.alone)
    assert crnn.teacher.model is None and itself is reading
    paired, _, others = crnn.read(batch)
    torch.testing.assert_close(reading.logits, paired.logits)
    assert torch.equal(labels.indexes, others.indexes)
    assert labels.lengths.tolist() == [5, 2]


def test_wrong_dictionary_is_refused_every_time(crnn):
    crnn.student.decoder.dictionary._dict.append('!')
    for _ in range(2):
        with pytest.raises(ValueError, match=r"different.*only in the student: \['!'\]"):
            crnn.read(crnn.batch('ab'))


def test_unknown_visual_feature_is_refused_every_time(tmp_path):
    crnn = Pair(tmp_path, tiny_recog.crnn_cfg(), tiny_recog.crnn_cfg(low_res=False), visual='neck')
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no module 'neck'"):
            crnn.read(crnn.batch('ab'))


def test_teacher_with_more_layers_shows_its_own_last_one(tmp_path):
    pair = Pair(tmp_path, nrtr_cfg(1), nrtr_cfg(3))
    batch = pair.batch('ab', 'cd', channels=3, size=(32, 32))
    _, teacher, _ = pair.read({**batch, 'hr_inputs': batch['inputs']})
    decoder = pair.teacher.model.decoder
    assert teacher.attention.shape[1] == 6
    assert pair.teacher._recorder.sources['attention'].path == (
        f'decoder.layer_stack.{len(decoder.layer_stack) - 1}.enc_attn.attention')


@pytest.mark.parametrize('valid_steps, steps', [(None, 26), (25, 25)])
def test_steps_that_were_never_trained_reach_no_loss(tmp_path, valid_steps, steps):
    pair = Pair(tmp_path, tiny_recog.abinet_cfg(), tiny_recog.abinet_cfg(low_res=False),
                valid_steps=valid_steps)
    batch = pair.batch('a' * 25, 'ab', channels=3, size=(16, 64))
    student, teacher, labels = pair.read(batch)
    for reading in (student, teacher):
        assert reading.logits[0].shape[1] == reading.glimpses[0].shape[1] == steps
        assert reading.attention.shape[1] == steps
    assert labels.lengths.tolist() == [steps, 3]


def test_who_does_not_read_along_is_refused_before_anything_is_built(tmp_path):
    class Reader(Teacher):
        def bind(self, student, wanted):
            raise AssertionError

        def __call__(self, inputs, data_samples):
            raise AssertionError

    pair = Pair(tmp_path, tiny_recog.crnn_cfg(), tiny_recog.crnn_cfg(low_res=False))
    for _ in range(2):
        with pytest.raises(TypeError, match='a Reader cannot be compared step by step.*NBestLoss'):
            pair.read(pair.batch('ab'), pair.distilled(Seen(), Reader()))


def test_frames_of_ctc_are_no_steps(tmp_path):
    pair = Pair(tmp_path, tiny_recog.crnn_cfg(), tiny_recog.crnn_cfg(low_res=False), valid_steps=5)
    assert pair.read(pair.batch('ab'))[0].logits[0].shape[1] == 26


def test_both_read_in_the_same_orders_which_are_then_forgotten(tmp_path):
    cfg = tiny_parseq.recognizer_cfg(tmp_path)
    pair = Pair(tmp_path, cfg, cfg)
    pair.student.load_state_dict(pair.teacher.build().state_dict())
    pair.student.eval().decoder.training = True  # teacher forcing, without dropout
    batch = pair.batch('hello', 'ab', channels=3, size=(8, 32))
    batch['hr_inputs'] = batch['inputs']
    student, teacher, _ = pair.read(copy.deepcopy(batch))
    assert len(student.logits) > 1
    torch.testing.assert_close(student.logits, teacher.logits)
    pair.student.decoder.orders = None
    batch['hr_inputs'] = None
    with pytest.raises(AttributeError):
        pair.read(batch)
    assert pair.student.decoder.orders is pair.teacher.model.decoder.orders is None


def test_an_autoregressive_teacher_is_followed_to_the_end_of_the_label(tmp_path, monkeypatch):
    """Also by a student that reads all characters at once."""
    pair = Pair(tmp_path, nrtr_cfg(1), nrtr_cfg(1))
    monkeypatch.setattr('mmocr_kd.adapters.recognition.labels.is_autoregressive', lambda _: False)
    batch = pair.batch('ab', 'cd', channels=3, size=(32, 32))
    assert pair.read({**batch, 'hr_inputs': batch['inputs']})[2].autoregressive
