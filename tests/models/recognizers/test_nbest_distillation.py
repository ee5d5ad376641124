"""Students learn what any teacher may have read: other architectures, black boxes, no labels."""
import copy
import math

import pytest
import tiny_matrn
import tiny_parseq
import tiny_recog
import torch
from mmocr.registry import MODELS

from mmocr_kd.adapters.recognition import hypotheses
from mmocr_kd.distill import Teacher, TeacherOutputError

TEXTS = ('hello', 'ab', 'seven')


class PromptedTeacher(Teacher):
    """Reads what it is told, by name of the image."""

    sees_images = False

    def __init__(self, readings):
        self.readings = readings

    def bind(self, student, wanted):
        assert set(wanted.values()) == {hypotheses}
        self.names = list(wanted)

    def __call__(self, inputs, data_samples):
        said = [self.readings[sample.img_path] for sample in data_samples]
        return dict.fromkeys(self.names, said)


@pytest.fixture(autouse=True, scope='module')
def registered():
    MODELS.register_module(module=PromptedTeacher)
    yield
    MODELS._module_dict.pop('PromptedTeacher')


def oracle(*texts, doubt=.2):
    """Sure of the texts of images called as in TEXTS, but for a doubt."""
    return {'type': 'PromptedTeacher', 'readings': {
        f'{name}.png': [(text, math.log(1 - doubt)), (text[:-1], math.log(doubt))]
        for name, text in zip(TEXTS, texts)}}


def build(student, teacher, losses=None, **fields):
    torch.manual_seed(1)
    cfg = {'type': 'LowResRecognizerDistiller', 'student': student, 'teacher': teacher,
           'losses': losses or {'nbest': {'type': 'NBestLoss'}},
           'init_student_from_teacher': False, **fields}
    return MODELS.build(copy.deepcopy(cfg))


def students(folder):
    return {'crnn': (tiny_recog.crnn_cfg(), {'channels': 1, 'size': (16, 50)}),
            'abinet': (tiny_recog.abinet_cfg(), {'channels': 3, 'size': (16, 64)}),
            'parseq': (tiny_parseq.recognizer_cfg(folder), {'channels': 3, 'size': (8, 32)})}


def batch(model, unlabelled=(), texts=TEXTS, **picture):
    data = tiny_recog.pairs(*texts, **picture)
    for row in unlabelled:
        del data['data_samples'][row].gt_text
        data['data_samples'][row].set_metainfo({'labelled': False})
    return model.data_preprocessor(data, True)


def learn(model, data, steps):
    """Loss of each step; without batch statistics, which three words have not."""
    model.train()
    for module in model.modules():
        if isinstance(module, (torch.nn.Dropout, torch.nn.BatchNorm2d)):
            module.eval()
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(steps):
        losses = model(**copy.deepcopy(data), mode='loss')
        optimizer.zero_grad()
        losses['loss_nbest'].backward()
        optimizer.step()
        yield losses['loss_nbest'].item()


def test_learns_to_read_without_any_label(tmp_path):
    """It ends up with the teacher's readings, and about as sure of them."""
    student, picture = students(tmp_path)['parseq']
    student['decoder']['refine_iters'] = 0  # which is learnt from labels, in other orders
    taught = 'hallo', 'xy', 'bees'
    model = build(student, oracle(*taught))
    data = batch(model, unlabelled=(0, 1, 2), **picture)
    loss = next(loss for loss in learn(model, data, 300) if loss < .56)
    assert loss > .5  # the entropy of the teacher's doubt is .5004, and nothing is below that
    predicted = model.eval()(data['inputs'], data['data_samples'], mode='predict')
    assert [sample.pred_text.item for sample in predicted] == list(taught)


@pytest.mark.parametrize('name', ['crnn', 'abinet'])
def test_others_learn_as_well(tmp_path, name):
    student, picture = students(tmp_path)[name]
    model = build(student, oracle('hallo', 'xy', 'bees'))
    losses = list(learn(model, batch(model, unlabelled=(0, 1, 2), **picture), 15))
    assert losses[-1] < .7 * losses[0]


def pairs(folder):
    """Student, teacher of another architecture for images twice as large, and the student's."""
    small = students(folder)
    crnn = tiny_recog.crnn_cfg(low_res=False)
    parseq = tiny_parseq.recognizer_cfg(folder)
    parseq['backbone'].update(img_size=(32, 128), patch_size=(16, 16))
    return {'abinet-crnn': (small['abinet'][0], crnn, small['abinet'][1]),
            'crnn-parseq': (small['crnn'][0], parseq, {'channels': 1, 'size': (16, 64)}),
            'parseq-matrn': (small['parseq'][0], tiny_matrn.matrn_cfg(32), small['parseq'][1])}


@pytest.mark.parametrize('name', ['abinet-crnn', 'crnn-parseq', 'parseq-matrn'])
def test_architectures_need_not_agree(tmp_path, name):
    """Neither steps nor dictionaries, nor colours."""
    student, teacher, picture = pairs(tmp_path)[name]
    spec = tiny_recog.checkpoint(tmp_path / 'teacher.pth', teacher)
    model = build(student, {**spec, 'num_readings': 3}, {
        'nbest': {'type': 'NBestLoss', 'temperature': 4.}, 'hard': {'type': 'HardLabelLoss'}})
    losses = model.train()(**batch(model, **picture), mode='loss')
    assert list(losses) == ['loss_nbest', 'nbest_kept', 'loss_hard']
    assert all(value.isfinite() for value in losses.values())
    total, log = model.parse_losses(losses)
    total.backward()
    assert 'nbest_kept' in log
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    reading = build(student, spec, {'soft': {'type': 'SoftLogitsLoss'}})
    with pytest.raises(ValueError, match='dictionar|compared step by step'):
        reading.train()(**batch(reading, **picture), mode='loss')


@pytest.mark.parametrize('name', ['crnn', 'abinet', 'parseq'])
@pytest.mark.parametrize('unlabelled', [(1, ), (0, 2), (0, 1, 2)])
def test_labels_are_learnt_of_labelled_words_alone(tmp_path, name, unlabelled):
    student, picture = students(tmp_path)[name]
    losses = {'nbest': {'type': 'NBestLoss'}, 'hard': {'type': 'HardLabelLoss'}}
    model = build(student, oracle(*TEXTS), losses).eval()
    for decoder in [m for m in model.modules() if hasattr(m, 'forward_train')]:
        decoder.training = True  # reads along; all else as when predicting

    def said(rows, seed=0):
        data = batch(model, **picture)
        if name == 'parseq':  # which draws orders for the longest label
            torch.manual_seed(seed)
        chosen = {'inputs': data['inputs'][rows], 'hr_inputs': data['hr_inputs'][rows],
                  'data_samples': [data['data_samples'][row] for row in rows]}
        return model(**chosen, mode='loss')

    labelled = [row for row in range(3) if row not in unlabelled]
    torch.manual_seed(0)
    mixed = model(**batch(model, unlabelled, **picture), mode='loss')
    assert mixed['loss_nbest'] > 0
    if not labelled:
        assert mixed['loss_hard'] == 0
        sum(mixed[key] for key in ('loss_hard', 'loss_nbest')).backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    elif name != 'parseq':
        torch.testing.assert_close(mixed['loss_hard'], said(labelled)['loss_hard'])
    torch.testing.assert_close(mixed['loss_nbest'], said([0, 1, 2])['loss_nbest'])


def test_what_the_student_cannot_spell_is_shown(tmp_path):
    student, picture = students(tmp_path)['parseq']  # lower-case letters, at most eight
    readings = oracle('Hello', 'a b', 'overlongtexts')
    model = build(student, readings)
    losses = model.train()(**batch(model, **picture), mode='loss')
    # 'Hello' by case, of 'a b' the doubt 'a ' neither, of the last one nothing.
    assert losses['nbest_kept'].item() == pytest.approx(1 / 3)


def test_a_teacher_that_gives_nan_is_refused(tmp_path):
    student, picture = students(tmp_path)['abinet']
    spec = tiny_recog.checkpoint(tmp_path / 'teacher.pth', tiny_recog.crnn_cfg(low_res=False))
    state = torch.load(spec['checkpoint'])
    for value in state['state_dict'].values():
        if value.dtype.is_floating_point:
            value.fill_(torch.nan)
    torch.save(state, spec['checkpoint'])
    model = build(student, spec)
    with pytest.raises(TeacherOutputError, match='NaN.*hello.png'):
        model.train()(**batch(model, **picture), mode='loss')


def test_identity_counts_readings(tmp_path):
    spec = tiny_recog.checkpoint(tmp_path / 'teacher.pth', tiny_recog.crnn_cfg(low_res=False))
    few, many = (MODELS.build({'type': 'RecognizerTeacher', **spec, 'num_readings': number})
                 for number in (1, 5))
    assert few.identity() != many.identity() and few.identity().keys() == many.identity().keys()
    with pytest.raises(ValueError, match='num_readings=0'):
        MODELS.build({'type': 'RecognizerTeacher', **spec, 'num_readings': 0})
