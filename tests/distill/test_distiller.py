import copy

import pytest
import torch
from torch import nn

from mmocr_kd.distill import (
    Distiller,
    FiniteCheck,
    Progress,
    RecordingError,
    Schedule,
    Source,
    Teacher,
    TeacherOutputError,
    TensorComparison,
    Term,
    merge_losses,
)
from mmocr_kd.distill.finite import _Flag


class Remembered(Teacher):
    """A teacher without a network: it gives what it was told to."""

    def __init__(self, **recordings):
        self.recordings, self.asked = recordings, []

    def bind(self, student, wanted):
        self.wanted = set(wanted)

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


def step(distiller, student, x, samples=('sample', )):
    distiller.begin(x, samples)
    student(x)
    return distiller.end()


def term(teacher, path='0', name='hidden', weight=1., schedule=None, **fields):
    comparison = TensorComparison(Source(path), name=name, **fields)
    return Term(Gap(), comparison, teacher, schedule or Schedule(), weight)


def test_a_teacher_needs_no_network(student):
    x, memory = torch.randn(5, 3), torch.randn(5, 4)
    teacher = Remembered(hidden=memory)
    distiller = Distiller({'hidden': term(teacher)})
    distiller.attach(student)
    losses = step(distiller, student, x)
    assert torch.equal(losses['loss_gap'], (student[0](x) - memory).abs().sum())
    assert teacher.wanted == {'hidden'} and teacher.asked == [(x, ('sample', ))]


def test_weight_mask_and_adaptor(student):
    x, memory = torch.randn(5, 3), torch.randn(5, 2)
    adaptor, seen = nn.Linear(4, 2), []

    def draw(inputs, samples, recording):
        seen.append((inputs, samples, recording))
        return recording > 0

    distiller = Distiller({'t': term(Remembered(t=memory), name='t', weight=.25, draw_mask=draw,
                                     adaptor=adaptor)})
    distiller.attach(student)
    loss = step(distiller, student, x)['loss_gap']
    expected = (adaptor(student[0](x)) - memory)[memory > 0].abs().sum() / 4
    assert torch.allclose(loss, expected)
    loss.backward()
    assert adaptor.weight.grad is not None and student[0].weight.grad is not None
    assert seen[0][0] is x and seen[0][2] is memory


def test_masks_are_drawn_before_the_student_runs(student):
    events = []
    student.register_forward_pre_hook(lambda *_: events.append('student'))
    distiller = Distiller({'t': term(
        Remembered(hidden=torch.zeros(1, 4)),
        draw_mask=lambda *_: events.append('mask') or torch.ones(1, 4).bool())})
    distiller.attach(student)
    step(distiller, student, torch.randn(1, 3))
    assert events == ['mask', 'student']


def test_losses_of_the_same_name_are_kept_apart(student):
    teacher = Remembered(a=torch.zeros(2, 4), b=torch.zeros(2, 2))
    distiller = Distiller({'a': term(teacher, '0', 'a'), 'b': term(teacher, '1', 'b')})
    distiller.attach(student)
    assert set(step(distiller, student, torch.randn(2, 3))) == {'loss_gap', 'b.loss_gap'}


@pytest.mark.parametrize('bad', [float('nan'), float('inf'), -float('inf')])
def test_unusable_recordings_are_named(student, bad):
    memory = torch.zeros(2, 4)
    memory[1, 2] = bad
    distiller = Distiller({'hidden': term(Remembered(hidden=memory))})
    distiller.attach(student)
    with pytest.raises(TeacherOutputError, match='hidden'):
        distiller.begin(torch.randn(2, 3), [])


def test_sizes_that_differ_are_named(student):
    distiller = Distiller({'hidden': term(Remembered(hidden=torch.zeros(2, 5)))})
    distiller.attach(student)
    with pytest.raises(TeacherOutputError, match=r'\(2, 4\).*\(2, 5\)'):
        step(distiller, student, torch.randn(2, 3))


def test_a_student_that_did_not_run_is_an_error(student):
    distiller = Distiller({'hidden': term(Remembered(hidden=torch.zeros(2, 4)))})
    distiller.attach(student)
    distiller.begin(torch.randn(2, 3), [])
    with pytest.raises(RecordingError, match='did not run'):
        distiller.end()


def test_attach_twice_and_detach_leave_no_hooks_behind(student):
    distiller = Distiller({'hidden': term(Remembered(hidden=torch.zeros(1, 4)))})
    distiller.attach(student)
    distiller.attach(student)
    assert len(student[0]._forward_hooks) == 1 and distiller.attached
    distiller.detach()
    distiller.detach()
    assert not student[0]._forward_hooks and not distiller.attached


def test_a_teacher_that_cannot_be_bound_leaves_no_hooks_behind(student):
    class Missing(Remembered):
        def bind(self, student, wanted):
            raise FileNotFoundError

    distiller = Distiller({'hidden': term(Missing())})
    with pytest.raises(FileNotFoundError):
        distiller.attach(student)
    assert not student[0]._forward_hooks and not distiller.attached


def test_a_recording_that_cannot_learn_is_named(student):
    student[0].requires_grad_(False)
    distiller = Distiller({'hidden': term(Remembered(hidden=torch.zeros(2, 4)))})
    distiller.attach(student)
    with pytest.raises(RecordingError, match="no gradient leaves the recording 'hidden'"):
        step(distiller, student, torch.randn(2, 3))
    with torch.no_grad():  # a loss that is only looked at
        assert step(distiller, student, torch.randn(2, 3))['loss_gap'] > 0


def test_copies_share_the_teacher():
    distiller = Distiller({'hidden': term(Remembered())})
    assert copy.deepcopy(distiller).teachers == distiller.teachers != []


def test_each_teacher_runs_once_for_all_its_terms_and_tells_each_thing_once(student):
    first = Remembered(a=torch.zeros(2, 4), b=torch.zeros(2, 2))
    second = Remembered(c=torch.ones(2, 4))
    distiller = Distiller({
        'a': term(first, '0', 'a'), 'b': term(first, '1', 'b'), 'again': term(first, '0', 'x'),
        'c': term(second, '0', 'c', weight=3.)})
    distiller.attach(student)
    assert len(student[0]._forward_hooks) == 1
    x = torch.randn(2, 3)
    losses = step(distiller, student, x)
    assert first.wanted == {'a', 'b'} and second.wanted == {'c'}
    assert len(first.asked) == len(second.asked) == 1
    hidden = student[0](x)
    assert torch.equal(losses['loss_gap'], losses['again.loss_gap'])
    assert torch.equal(losses['loss_gap'], hidden.abs().sum())
    assert torch.equal(losses['c.loss_gap'], 3 * (hidden - 1).abs().sum())


def test_two_things_of_one_name_are_kept_apart(student):
    teacher = Remembered(**{'hidden': torch.zeros(2, 4), 'b.hidden': torch.zeros(2, 2)})
    distiller = Distiller({'a': term(teacher), 'b': term(teacher, '1')})
    distiller.attach(student)
    x = torch.randn(2, 3)
    assert torch.equal(step(distiller, student, x)['b.loss_gap'], student(x).abs().sum())


def test_terms_rest_and_so_do_their_teachers_but_names_stay(student):
    first, second = Remembered(a=torch.zeros(2, 4)), Remembered(b=torch.zeros(2, 4))
    adaptor = nn.Linear(4, 4)
    distiller = Distiller({
        'a': term(first, name='a', schedule=Schedule(stop=1, by_epoch=False), adaptor=adaptor),
        'b': term(second, name='b', schedule=Schedule(stop=2, by_epoch=False))})
    distiller.attach(student)
    x, found = torch.randn(2, 3), []
    for iteration in range(3):
        due = distiller.begin(x, (), Progress(0, iteration))
        student(x)
        found.append(set(distiller.end()) if due else None)
    assert found == [{'loss_gap', 'b.loss_gap'}, {'b.loss_gap', 'loss_idle'}, None]
    assert len(first.asked) == 1 and len(second.asked) == 2


def test_what_rests_and_learns_gets_a_gradient_of_zero(student, monkeypatch):
    monkeypatch.setattr(Schedule, 'weight_now', lambda self, progress=None: 0.)
    adaptor = nn.Linear(4, 4)
    distiller = Distiller({'a': term(Remembered(), adaptor=adaptor)})
    distiller.attach(student)
    losses = distiller.around(lambda: {'loss_own': student(torch.ones(1, 3)).sum()},
                              torch.ones(1, 3), ())
    sum(losses.values()).backward()
    assert set(losses) == {'loss_own', 'loss_idle'} and not losses['loss_idle']
    assert all((p.grad == 0).all() for p in adaptor.parameters())


def test_a_teacher_that_does_not_answer_is_named(student):
    distiller = Distiller({'a': term(Remembered())})
    distiller.attach(student)
    with pytest.raises(RecordingError, match="nothing to say of 'hidden'"):
        distiller.begin(torch.ones(1, 3), ())


def test_a_step_that_fails_leaves_nothing_behind(student):
    distiller = Distiller({'a': term(Remembered(hidden=torch.zeros(1, 4)))})
    distiller.attach(student)
    x = torch.ones(1, 3)
    with pytest.raises(ZeroDivisionError):
        distiller.around(lambda: [student(x), 1 / 0], x, ())
    for _ in range(2):
        student(x)  # nobody listens: it may run twice
    assert distiller.around(lambda: student(x) is None or {}, x, ())['loss_gap'] > 0


def test_teachers_may_be_asked_about_something_else(student):
    """What they said of the large batch, halved, is compared with the small one."""
    first, second = Remembered(a=torch.ones(2, 4)), Remembered(b=torch.zeros(2, 4))
    distiller = Distiller({
        'a': term(first, name='a'),
        'b': term(second, name='b', schedule=Schedule(start=1, by_epoch=False))})
    distiller.attach(student)
    large, small = torch.randn(2, 6), torch.randn(2, 3)
    known = distiller.ask(lambda teacher: teacher(large, ('large', )), ('large', ), Progress(0, 0))
    assert list(known) == [first] and first.asked == [(large, ('large', ))] and not second.asked
    assert distiller.wanted[first].keys() == {'a'}
    half = {teacher: {name: value / 2 for name, value in told.items()}
            for teacher, told in known.items()}
    assert distiller.begin(small, ('small', ), Progress(0, 0), half)
    student(small)
    assert torch.equal(distiller.end()['loss_gap'], (student[0](small) - .5).abs().sum())
    assert len(first.asked) == 1


def test_what_was_asked_has_to_be_finite(student):
    distiller = Distiller({'a': term(Remembered(hidden=torch.full((1, 4), torch.inf)))})
    distiller.attach(student)
    with pytest.raises(TeacherOutputError, match='NaN or Inf'):
        distiller.ask(lambda teacher: teacher(None, ()), ())


def test_on_a_gpu_end_says_that_it_was_not(student, monkeypatch):
    """The flag is read when the student has run, and is not forgotten in between."""
    monkeypatch.setattr(FiniteCheck, 'watch', lambda self, name, recording, samples: (
        self._pending.append((name, _Flag(recording.isfinite().all()), samples))))
    distiller = Distiller({'a': term(Remembered(hidden=torch.full((1, 4), torch.inf)))})
    distiller.attach(student)
    x = torch.ones(1, 3)
    known = distiller.ask(lambda teacher: teacher(x, ()), ())
    known = {teacher: {'hidden': torch.zeros(1, 4)} for teacher in known}
    with pytest.raises(TeacherOutputError, match='NaN or Inf'):
        distiller.around(lambda: student(x) is None or {}, x, (), known)
    assert distiller.around(lambda: student(x) is None or {}, x, (), known)


def test_merged_losses_never_replace_each_other():
    assert merge_losses({'a': 1}, {'b': 2}) == {'a': 1, 'b': 2}
    with pytest.raises(ValueError, match="'loss_kd'"):
        merge_losses({'loss_kd': 1}, {'loss_kd': 2})
