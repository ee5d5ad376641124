import pytest
import torch
from torch import nn

from mmocr_kd.distill import InheritanceError, inherit, inherit_weights, keeps_own_start


def net(width=4, head=3):
    model = nn.Sequential()
    model.add_module('stem', nn.Conv2d(3, width, 3))
    model.add_module('norm', nn.BatchNorm2d(width))
    model.add_module('head', nn.Conv2d(width, head, 1))
    return model


@pytest.fixture
def teacher():
    model = net()
    model(torch.randn(2, 3, 8, 8))  # statistics of its own
    return model.eval()


@pytest.fixture
def state(teacher):
    return teacher.state_dict()


def copy_of(model):
    return {key: value.clone() for key, value in model.state_dict().items()}


def unchanged(model, before):
    return all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_same_architecture_reads_the_same(teacher, state):
    student = net()
    result = inherit_weights(student, state)
    assert result.copied == list(state)
    assert not (result.converted or result.reinitialised or result.dropped)
    image = torch.randn(1, 3, 8, 8)
    assert torch.equal(student.eval()(image), teacher(image))


def test_shares_no_memory_with_the_teacher(teacher, state):
    student, before = net(), copy_of(teacher)
    inherit_weights(student, state)
    with torch.no_grad():
        for weight in student.parameters():
            weight.zero_()
    assert unchanged(teacher, before)


def test_keeps_its_own_precision(state):
    student = net()
    inherit_weights(student, {key: value.double() for key, value in state.items()})
    assert student.stem.weight.dtype == torch.float32
    assert torch.equal(student.stem.weight, state['stem.weight'])


def test_requires_grad_stays(state):
    student = net()
    student.stem.requires_grad_(False)
    inherit_weights(student, state)
    assert not student.stem.weight.requires_grad and student.head.weight.requires_grad


def test_names_everything_that_does_not_fit_and_changes_nothing(state):
    student = net(head=5)
    student.add_module('extra', nn.Linear(2, 2, bias=False))
    before = copy_of(student)
    with pytest.raises(InheritanceError) as error:
        inherit_weights(student, {**state, 'old.bias': torch.zeros(1)}, allowed=['stem.*'])
    message = str(error.value)
    for line in ('only in the student: extra.weight', 'only in the teacher: old.bias',
                 'head.weight: shape (5, 4, 1, 1) in the student, (3, 4, 1, 1) in the teacher',
                 'head.bias: shape (5,) in the student', "['stem.*']"):
        assert line in message
    assert 'norm' not in message
    assert unchanged(student, before)


def test_allowed_keys_stay_as_initialised_or_are_dropped(state):
    student = net(head=5)
    student.add_module('extra', nn.Linear(2, 2, bias=False))
    before = copy_of(student)
    result = inherit_weights(student, {**state, 'old.bias': torch.zeros(1)},
                             allowed=['head.*', 'extra.weight', 'old.*'])
    assert result.reinitialised == ['head.weight', 'head.bias', 'extra.weight']
    assert result.dropped == ['old.bias']
    for key in result.reinitialised:
        assert torch.equal(student.state_dict()[key], before[key])
    assert torch.equal(student.stem.weight, state['stem.weight'])


def test_patterns_are_case_sensitive_and_match_whole_keys(state):
    for pattern in ('HEAD.*', 'head', 'ead.*'):
        with pytest.raises(InheritanceError):
            inherit_weights(net(head=5), state, allowed=[pattern])


def test_allowing_a_key_does_not_keep_it_from_being_copied(state):
    assert inherit_weights(net(), state, allowed=['*']).copied == list(state)


def fail(value, shape):
    raise ValueError('does not fit')


def test_initializer_makes_the_students_tensor(state):
    student = net(head=5)
    pad = lambda value, shape: torch.cat([value, value.new_ones(2, *shape[1:])])
    result = inherit_weights(student, state, initializers={'head.*': pad, '*.bias': fail})
    assert result.converted == ['head.weight', 'head.bias']
    assert torch.equal(student.head.bias[:3], state['head.bias'])
    assert (student.head.weight[3:] == 1).all()


def test_initializer_is_for_other_shapes_only(state):
    missing = {key: value for key, value in state.items() if key != 'head.bias'}
    result = inherit_weights(net(), missing, allowed=['head.bias'], initializers={'*': fail})
    assert result.reinitialised == ['head.bias'] and not result.converted


def test_initializer_that_cannot_leaves_the_student_alone(state):
    student = net(head=5)
    before = copy_of(student)
    with pytest.raises(ValueError, match='does not fit'):
        inherit_weights(student, state, initializers={'head.bias': fail}, allowed=['*'])
    assert unchanged(student, before)


def test_says_once_what_became_of_the_keys(state, monkeypatch):
    said = []
    monkeypatch.setattr(inherit, 'print_log', lambda text, logger: said.append(text))
    inherit_weights(net(head=5), state, allowed=['head.*'])
    assert said == ['Sequential: 7 tensors inherited from the teacher; '
                    'reinitialised: head.weight, head.bias']


PRETRAINED, DRAWN = {'type': 'Pretrained', 'checkpoint': 'w.pth'}, {'type': 'Xavier'}


@pytest.mark.parametrize('part, init_cfg, keeps', [
    ('wrapper', PRETRAINED, True), ('student', PRETRAINED, True),
    ('student.stem', PRETRAINED, False), ('student', [DRAWN, PRETRAINED], True),
    ('student', [DRAWN], False), ('student', DRAWN, False), ('wrapper', None, False)])
def test_only_a_whole_student_that_loads_weights_keeps_its_own_start(part, init_cfg, keeps):
    wrapper, student = nn.Module(), net()
    {'wrapper': wrapper, 'student': student, 'student.stem': student.stem}[part].init_cfg = init_cfg
    assert keeps_own_start(wrapper, student) is keeps
