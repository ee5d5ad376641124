"""What a batch leaves behind, and whose modules are listened to."""
import copy

import pytest
import tiny_parseq
import tiny_recog
import torch
from mmengine.hub import get_config
from mmocr.registry import MODELS
from torch import nn

from mmocr_kd.adapters.recognition import PairReader, RecognizerTeacher


def nrtr_cfg(layers):
    model = get_config('mmocr::textrecog/nrtr/nrtr_modality-transform_6e_st_mj.py').model
    model.encoder.update(n_layers=1, d_inner=8)
    model.decoder.update(n_layers=layers, d_inner=8, max_seq_len=6)
    return model.to_dict()


class Pair(nn.Module):
    """The parts of a distiller that a reader looks at."""

    def __init__(self, folder, student, teacher, **fields):
        super().__init__()
        self.reader = PairReader(
            RecognizerTeacher(**tiny_recog.checkpoint(folder / 'teacher.pth', teacher)), **fields)
        self.student = MODELS.build(copy.deepcopy(student)).train()
        self.data_preprocessor = MODELS.build(
            {**student['data_preprocessor'], 'type': 'PairedTextRecogDataPreprocessor'})

    def batch(self, *words, channels=1, size=(16, 50)):
        return self.data_preprocessor(tiny_recog.pairs(*words, channels=channels, size=size), True)

    def read(self, batch):
        return self.reader.read_pair(self, batch['inputs'], batch['hr_inputs'],
                                     batch['data_samples'])


@pytest.fixture
def crnn(tmp_path):
    return Pair(tmp_path, tiny_recog.crnn_cfg(), tiny_recog.crnn_cfg(low_res=False))


@pytest.mark.parametrize('part', ['student', 'teacher'])
def test_batch_that_fails_leaves_nothing_behind(crnn, part):
    batch = crnn.batch('hello', 'ab')
    first = crnn.read(copy.deepcopy(batch))
    model = crnn.student if part == 'student' else crnn.reader.teacher.model
    hook = model.decoder.decoder[1].register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        crnn.read(copy.deepcopy(batch))
    hook.remove()
    assert not any(module.training for module in crnn.reader.teacher.model.modules())
    # Nobody listens now: both may read twice in a row, as when predicting.
    for _ in range(2):
        crnn.student.extract_feat(batch['inputs'])
        crnn.reader.teacher.model.extract_feat(batch['hr_inputs'])
    again = crnn.read(copy.deepcopy(batch))
    for before, after in zip(first[:2], again[:2]):
        torch.testing.assert_close(before.logits, after.logits)


def test_nothing_is_kept_between_batches(crnn):
    crnn.read(crnn.batch('hello', 'ab'))
    for recorder in (crnn.reader._recorder, crnn.reader.teacher._recorder):
        assert not recorder._values and not recorder._active


def test_alone_the_student_reads_as_in_a_pair_and_needs_no_teacher(crnn):
    batch = crnn.batch('hello', 'ab')
    samples = copy.deepcopy(batch['data_samples'])
    crnn.student.eval()  # what it reads depends on no batch before
    reading, labels = crnn.reader.read_alone(crnn, batch['inputs'], samples)
    assert crnn.reader.teacher.model is None
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
    decoder = pair.reader.teacher.model.decoder
    assert teacher.attention.shape[1] == 6
    assert pair.reader.teacher._recorder.sources['attention'].path == (
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


def test_frames_of_ctc_are_no_steps(tmp_path):
    pair = Pair(tmp_path, tiny_recog.crnn_cfg(), tiny_recog.crnn_cfg(low_res=False), valid_steps=5)
    assert pair.read(pair.batch('ab'))[0].logits[0].shape[1] == 26


def test_both_read_in_the_same_orders_which_are_then_forgotten(tmp_path):
    cfg = tiny_parseq.recognizer_cfg(tmp_path)
    pair = Pair(tmp_path, cfg, cfg)
    pair.student.load_state_dict(pair.reader.teacher.build().state_dict())
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
    assert pair.student.decoder.orders is pair.reader.teacher.model.decoder.orders is None


def test_an_autoregressive_teacher_is_followed_to_the_end_of_the_label(tmp_path, monkeypatch):
    """Also by a student that reads all characters at once."""
    pair = Pair(tmp_path, nrtr_cfg(1), nrtr_cfg(1))
    monkeypatch.setattr('mmocr_kd.adapters.recognition.labels.is_autoregressive', lambda _: False)
    batch = pair.batch('ab', 'cd', channels=3, size=(32, 32))
    assert pair.read({**batch, 'hr_inputs': batch['inputs']})[2].autoregressive
