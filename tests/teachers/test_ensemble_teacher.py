"""Several teachers as one, against direct computation."""
import copy
import math

import pytest
import tiny
import tiny_recog
import torch
from hypothesis import given
from hypothesis import strategies as st
from mmocr.registry import MODELS

from mmocr_kd.adapters import build_teacher, text_logits
from mmocr_kd.adapters.recognition import hypotheses, reading_logits
from mmocr_kd.distill import RecordingError, Source, Teacher, TeacherOutputError
from mmocr_kd.teachers import EnsembleTeacher
from mmocr_kd.teachers.ensemble_teacher import (
    mean_of_classes,
    mean_of_pixels,
    merge_hypotheses,
)


@MODELS.register_module()
class Oracle(Teacher):
    """Knows what it is told."""

    def __init__(self, answer, sees_images=False):
        self.answer = answer if callable(answer) else lambda: answer
        self.sees_images, self.calls = sees_images, 0

    def bind(self, student, wanted):
        self.wanted = wanted

    def __call__(self, inputs, data_samples):
        self.calls += 1
        return {name: self.answer() for name in self.wanted}


def ensemble(*answers, wanted=hypotheses, weights=None):
    built = EnsembleTeacher([{'type': 'Oracle', 'answer': answer} for answer in answers], weights)
    built.bind(torch.nn.Module(), {'it': wanted})
    return built


logits = st.lists(st.lists(st.floats(-30, 30), min_size=4, max_size=4), min_size=1, max_size=4)


@given(logits, st.data())
def test_means_are_of_probabilities(values, data):
    weights = data.draw(st.lists(st.floats(.1, 9), min_size=len(values), max_size=len(values)))
    shares = [weight / sum(weights) for weight in weights]
    logs = [math.log(share) for share in shares]
    parts = [torch.tensor(value, dtype=torch.float64) for value in values]
    pixels = sum(share * part.sigmoid() for share, part in zip(shares, parts))
    torch.testing.assert_close(mean_of_pixels(parts, logs).sigmoid(), pixels)
    classes = sum(share * part.softmax(-1) for share, part in zip(shares, parts))
    torch.testing.assert_close(mean_of_classes(parts, logs).softmax(-1), classes)


def test_sure_teachers_stay_finite_where_probabilities_would_round_to_one():
    sure = torch.tensor([200., -200.])
    torch.testing.assert_close(mean_of_pixels([sure, sure], [math.log(.5)] * 2), sure)


def test_one_teacher_is_itself():
    half = torch.tensor([3., -2.], dtype=torch.float16)
    found = mean_of_pixels([half], [0.])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, half.float())


words = st.dictionaries(st.sampled_from('abcd'), st.floats(.01, 1), max_size=4)


@given(st.lists(st.tuples(words, words), max_size=3), st.floats(.1, .9))
def test_probabilities_of_equal_texts_are_added(pairs, share):
    first, second = ([[(text, math.log(p)) for text, p in pair[side].items()] for pair in pairs]
                     for side in (0, 1))
    merged = merge_hypotheses([first, second], [math.log(share), math.log(1 - share)])
    assert len(merged) == len(pairs)
    for word, pair in zip(merged, pairs):
        assert {text for text, _ in word} == set(pair[0]) | set(pair[1])
        for text, log_prob in word:
            expected = share * pair[0].get(text, 0) + (1 - share) * pair[1].get(text, 0)
            assert math.exp(log_prob) == pytest.approx(expected)
        assert [p for _, p in word] == sorted((p for _, p in word), reverse=True)


def test_impossible_readings_stay_impossible():
    assert merge_hypotheses([[[('a', -math.inf)]]], [0.]) == [[('a', -math.inf)]]


def test_weights_are_ratios_and_by_default_equal():
    first, second = [[('a', 0.)]], [[('b', 0.)]]
    found = dict(ensemble(first, second, weights=[3, 1])(None, None)['it'][0])
    assert {text: math.exp(p) for text, p in found.items()} == pytest.approx({'a': .75, 'b': .25})
    found = dict(ensemble(first, second)(None, None)['it'][0])
    assert found['a'] == found['b'] == pytest.approx(math.log(.5))


def test_maps_of_two_detectors_are_averaged(tmp_path):
    specs = [tiny.checkpoint(tmp_path / f'{seed}.pth', tiny.dbnet_cfg(), seed) for seed in (1, 2)]
    student = MODELS.build(tiny.dbnet_cfg())
    inputs = tiny.prepared(student)['inputs']
    alone = []
    for spec in specs:
        teacher = build_teacher(spec)
        teacher.bind(student, {'map': text_logits})
        alone.append(teacher(inputs, None)['map'].sigmoid())
    both = build_teacher({'type': 'EnsembleTeacher', 'teachers': specs, 'weights': [1, 3]})
    both.bind(student, {'map': text_logits})
    found = both(inputs, None)['map']
    torch.testing.assert_close(found.sigmoid(), .25 * alone[0] + .75 * alone[1])
    assert len(both.networks) == 2 and copy.deepcopy(both) is both and both.sees_images


def test_two_recognisers_teach_a_third(tmp_path):
    specs = [{'type': 'RecognizerTeacher', **tiny_recog.checkpoint(
        tmp_path / f'{seed}.pth', tiny_recog.crnn_cfg(low_res=False), seed)} for seed in (1, 2)]
    cfg = {'type': 'LowResRecognizerDistiller', 'student': tiny_recog.crnn_cfg(),
           'losses': {'logits': {'type': 'SoftLogitsLoss', 'alpha': 0.}},
           'init_student_from_teacher': False}
    seen = []
    for teacher in (*specs, {'type': 'EnsembleTeacher', 'teachers': specs}):
        torch.manual_seed(0)
        model = MODELS.build(copy.deepcopy({**cfg, 'teacher': teacher})).train()
        model.losses.logits.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
        data = model.data_preprocessor(tiny_recog.pairs('hello', 'ab'), True)
        losses = model(**data, mode='loss')
        model.parse_losses(losses)[0].backward()
        assert all(p.grad is not None for p in model.student.parameters())
    first, second, both = (reading.logits[0].softmax(-1) for reading in seen)
    torch.testing.assert_close(both, (first + second) / 2)
    assert seen[2].visual is None
    with pytest.raises(TypeError, match='init_student_from_teacher=True needs.*has 2'):
        MODELS.build({**cfg, 'teacher': teacher, 'init_student_from_teacher': True}).init_weights()
    blind = MODELS.build({**cfg, 'teacher': teacher, 'losses': {
        'visual': {'type': 'VisualFocusLoss'}}}).train()
    with pytest.raises(ValueError, match='needs the visual features'):
        blind(**blind.data_preprocessor(tiny_recog.pairs('hello'), True), mode='loss')


def test_a_dictionary_that_differs_is_refused(tmp_path):
    other = tiny_recog.crnn_cfg(low_res=False)
    other['decoder']['dictionary']['dict_file'] = str(tmp_path / 'dict.txt')
    (tmp_path / 'dict.txt').write_text('a\nb\n')
    specs = [{'type': 'RecognizerTeacher', **tiny_recog.checkpoint(tmp_path / f'{i}.pth', cfg)}
             for i, cfg in enumerate((tiny_recog.crnn_cfg(low_res=False), other))]
    model = MODELS.build({'type': 'LowResRecognizerDistiller', 'student': tiny_recog.crnn_cfg(),
                          'teacher': {'type': 'EnsembleTeacher', 'teachers': specs},
                          'losses': {'logits': {'type': 'SoftLogitsLoss'}}})
    with pytest.raises(ValueError, match='different dictionaries'):
        model.loss(**model.data_preprocessor(tiny_recog.pairs('ab'), True))


def test_equal_teachers_run_once_and_count_twice():
    same = {'type': 'Oracle', 'answer': torch.zeros(1, 2, 2)}
    built = EnsembleTeacher([same, {'type': 'Oracle', 'answer': [1]}, same])
    assert built.teachers[0] is built.teachers[2]
    built = EnsembleTeacher([same, same])
    built.bind(torch.nn.Module(), {'map': text_logits})
    built(None, None)
    assert built.teachers[0].calls == 1 and not built.sees_images and not built.follows_labels


@pytest.mark.parametrize('wanted', [Source('neck'), Source('backbone', io='input')])
def test_features_have_no_mean(wanted):
    with pytest.raises(RecordingError, match=r"no mean of \['it'\].*ModelTeacher"):
        ensemble([], wanted=wanted)


def test_of_a_reading_only_the_logits_are_asked_for():
    built = EnsembleTeacher([{'type': 'Oracle', 'answer': torch.zeros(2, 3, 4)}])
    built.bind(torch.nn.Module(), {'logits': reading_logits, 'visual': Source('backbone')})
    assert set(built(None, None)) == set(built.teachers[0].wanted) == {'logits'}


def test_sizes_that_differ_are_refused():
    with pytest.raises(TeacherOutputError, match=r'\(1, 4, 4\), \(1, 2, 2\)'):
        ensemble(lambda: torch.zeros(1, 4, 4), lambda: torch.zeros(1, 2, 2),
                 wanted=text_logits)(None, None)


@pytest.mark.parametrize('number, weights, words', [
    (0, None, '0 teachers'), (2, [1.], '2 teachers and 1 weights'), (1, [0.], r'weights=\[0.0\]'),
    (1, [math.nan], 'nan')])
def test_weights_that_mean_nothing_are_refused(number, weights, words):
    with pytest.raises(ValueError, match=words):
        EnsembleTeacher([{'type': 'Oracle', 'answer': None}] * number, weights)
