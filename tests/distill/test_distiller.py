import copy

import pytest
import torch
from torch import nn

from mmocr_kd.distill import (
    Distiller,
    RecordingError,
    Source,
    Teacher,
    TeacherOutputError,
    Term,
    merge_losses,
)


class Remembered(Teacher):
    """A teacher without a network: it gives what it was told to."""

    def __init__(self, **recordings):
        self.recordings, self.asked = recordings, []

    def bind(self, student, sources):
        self.sources = set(sources)

    def __call__(self, inputs, data_samples):
        self.asked.append((inputs, data_samples))
        return self.recordings


class Gap(nn.Module):

    def forward(self, student, teacher, mask=None):
        gap = student - teacher
        return {'loss_gap': gap.abs().sum() if mask is None else gap[mask].abs().sum()}


@pytest.fixture
def student():
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def step(distiller, student, x, samples=('sample', ), weight=1.):
    distiller.begin(x, samples)
    student(x)
    return distiller.end(weight)


def term(path='0', **fields):
    return Term(Gap(), Source(path), Source(path), **fields)


def test_a_teacher_needs_no_network(student):
    x, memory = torch.randn(5, 3), torch.randn(5, 4)
    teacher = Remembered(hidden=memory)
    distiller = Distiller(teacher, {'hidden': term()})
    distiller.attach(student)
    losses = step(distiller, student, x)
    assert torch.equal(losses['loss_gap'], (student[0](x) - memory).abs().sum())
    assert teacher.sources == {'hidden'} and teacher.asked == [(x, ('sample', ))]


def test_weight_mask_and_adaptor(student):
    x, memory = torch.randn(5, 3), torch.randn(5, 2)
    adaptor, seen = nn.Linear(4, 2), []

    def draw(inputs, samples, recording):
        seen.append((inputs, samples, recording))
        return recording > 0

    distiller = Distiller(Remembered(t=memory), {'t': term(draw_mask=draw, adaptor=adaptor)})
    distiller.attach(student)
    loss = step(distiller, student, x, weight=.25)['loss_gap']
    expected = (adaptor(student[0](x)) - memory)[memory > 0].abs().sum() / 4
    assert torch.allclose(loss, expected)
    loss.backward()
    assert adaptor.weight.grad is not None and student[0].weight.grad is not None
    assert seen[0][0] is x and seen[0][2] is memory


def test_masks_are_drawn_before_the_student_runs(student):
    events = []
    student.register_forward_pre_hook(lambda *_: events.append('student'))
    distiller = Distiller(
        Remembered(t=torch.zeros(1, 4)),
        {'t': term(draw_mask=lambda *_: events.append('mask') or torch.ones(1, 4).bool())})
    distiller.attach(student)
    step(distiller, student, torch.randn(1, 3))
    assert events == ['mask', 'student']


def test_losses_of_the_same_name_are_kept_apart(student):
    teacher = Remembered(a=torch.zeros(2, 4), b=torch.zeros(2, 2))
    distiller = Distiller(teacher, {'a': term('0'), 'b': term('1')})
    distiller.attach(student)
    assert set(step(distiller, student, torch.randn(2, 3))) == {'loss_gap', 'b.loss_gap'}


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
def test_unusable_recordings_are_named(student, bad):
    memory = torch.zeros(2, 4)
    memory[1, 2] = bad
    distiller = Distiller(Remembered(hidden=memory), {'hidden': term()})
    distiller.attach(student)
    with pytest.raises(TeacherOutputError, match='hidden'):
        distiller.begin(torch.randn(2, 3), [])


def test_sizes_that_differ_are_named(student):
    distiller = Distiller(Remembered(hidden=torch.zeros(2, 5)), {'hidden': term()})
    distiller.attach(student)
    with pytest.raises(TeacherOutputError, match=r'\(2, 4\).*\(2, 5\)'):
        step(distiller, student, torch.randn(2, 3))


def test_a_student_that_did_not_run_is_an_error(student):
    distiller = Distiller(Remembered(hidden=torch.zeros(2, 4)), {'hidden': term()})
    distiller.attach(student)
    distiller.begin(torch.randn(2, 3), [])
    with pytest.raises(RecordingError, match='did not run'):
        distiller.end()


def test_attach_twice_and_detach_leave_no_hooks_behind(student):
    distiller = Distiller(Remembered(hidden=torch.zeros(1, 4)), {'hidden': term()})
    distiller.attach(student)
    distiller.attach(student)
    assert len(student[0]._forward_hooks) == 1 and distiller.attached
    distiller.detach()
    distiller.detach()
    assert not student[0]._forward_hooks and not distiller.attached


def test_a_teacher_that_cannot_be_bound_leaves_no_hooks_behind(student):
    class Missing(Remembered):
        def bind(self, student, sources):
            raise FileNotFoundError

    distiller = Distiller(Missing(), {'hidden': term()})
    with pytest.raises(FileNotFoundError):
        distiller.attach(student)
    assert not student[0]._forward_hooks and not distiller.attached


def test_a_recording_that_cannot_learn_is_named(student):
    student[0].requires_grad_(False)
    distiller = Distiller(Remembered(hidden=torch.zeros(2, 4)), {'hidden': term()})
    distiller.attach(student)
    with pytest.raises(RecordingError, match="no gradient leaves the recording 'hidden'"):
        step(distiller, student, torch.randn(2, 3))
    with torch.no_grad():  # a loss that is only looked at
        assert step(distiller, student, torch.randn(2, 3))['loss_gap'] > 0


def test_copies_share_the_teacher():
    distiller = Distiller(Remembered(), {})
    assert copy.deepcopy(distiller).teacher is distiller.teacher


def test_merged_losses_never_replace_each_other():
    assert merge_losses({'a': 1}, {'b': 2}) == {'a': 1, 'b': 2}
    with pytest.raises(ValueError, match="'loss_kd'"):
        merge_losses({'loss_kd': 1}, {'loss_kd': 2})
