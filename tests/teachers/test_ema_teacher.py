import copy

import pytest
import tiny
import tiny_recog
import torch
from mmengine.logging import MessageHub
from mmocr.registry import MODELS
from torch import nn

from mmocr_kd.adapters import build_teacher, text_logits
from mmocr_kd.adapters.recognition import teacher_forcing
from mmocr_kd.distill import Source
from mmocr_kd.teachers import EMATeacher
from mmocr_kd.teachers.ema_teacher import ema_teachers


class Net(nn.Module):
    """A student that trains in a moment."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return self.norm(self.conv(inputs))


def bound(momentum=.7, student=None):
    torch.manual_seed(0)
    student = student or Net()
    teacher = EMATeacher(momentum)
    teacher.bind(student, {'map': Source('norm')})
    teacher.start()
    return student, teacher


def step(student, optimizer, seed):
    inputs = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    (student(inputs) - 1).pow(4).mean().backward()
    optimizer.step()


def state(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


@pytest.mark.parametrize('momentum', [0, .6, .999])
def test_equals_the_published_formula_step_by_step(momentum):
    student, teacher = bound(momentum)
    optimizer = torch.optim.SGD(student.parameters(), .05)
    expected = {key: value.double() for key, value in state(student).items()}
    for number in range(1, 6):
        step(student.train(), optimizer, number)
        teacher.update()
        m = min(1 - 1 / (number + 1), momentum)  # .5, .67, .75 ... up to the momentum
        for key, theta in student.state_dict().items():
            expected[key] = m * expected[key] + (1 - m) * theta
            if key == 'norm.num_batches_tracked':
                assert teacher.model.state_dict()[key] == theta == number
            else:
                torch.testing.assert_close(teacher.model.state_dict()[key].double(),
                                           expected[key], rtol=1e-5, atol=1e-6)
    moved = (teacher.model.conv.weight - student.conv.weight).abs().max()
    assert moved > 1e-4 if momentum else moved == 0


def test_goes_on_from_its_state_equal_to_the_bit():
    student, teacher = bound()
    optimizer = torch.optim.SGD(student.parameters(), .05)
    for number in range(3):
        step(student, optimizer, number)
        teacher.update()
    saved, weights = copy.deepcopy(teacher.state_dict()), state(student)
    other_student, other = bound(student=Net())
    other_student.load_state_dict(weights)
    other.start(saved)
    for number in range(3, 6):
        step(student, optimizer, number)
        teacher.update()
    other_optimizer = torch.optim.SGD(other_student.parameters(), .05)
    for number in range(3, 6):
        step(other_student, other_optimizer, number)
        other.update()
    assert other.steps == teacher.steps == 6
    for key, value in teacher.model.state_dict().items():
        assert value.equal(other.model.state_dict()[key])


def test_a_start_is_a_copy_of_the_student_as_it_is_then():
    student, teacher = bound()
    with torch.no_grad():
        student.conv.weight.add_(1)  # as when weights are loaded after the teacher was bound
    teacher.start()
    assert teacher.model.conv.weight.equal(student.conv.weight)


def test_tells_what_the_average_computes_in_eval_mode():
    student, teacher = bound()
    step(student.train(), torch.optim.SGD(student.parameters(), .5), 0)
    teacher.update()
    plain = Net().eval()
    plain.load_state_dict(teacher.state_dict()['state_dict'])
    inputs = torch.randn(2, 3, 6, 6)
    found = teacher(inputs, None)['map']
    torch.testing.assert_close(found, plain(inputs))
    assert not found.requires_grad and student.training
    assert not any(p.requires_grad for p in teacher.model.parameters())
    before = state(teacher.model)
    teacher(inputs, None)
    assert all(value.equal(before[key]) for key, value in teacher.model.state_dict().items())


def test_mixed_precision_leaves_the_average_exact():
    student, teacher = bound()
    optimizer = torch.optim.SGD(student.parameters(), .05)
    with torch.autocast('cpu', torch.bfloat16):
        assert teacher(torch.randn(1, 3, 6, 6), None)['map'].isfinite().all()
        step(student, optimizer, 0)
        teacher.update()
    assert all(p.dtype == torch.float32 for p in teacher.model.parameters())


def test_bound_again_it_keeps_its_average():
    student, teacher = bound()
    step(student, torch.optim.SGD(student.parameters(), .5), 0)
    teacher.update()
    before = state(teacher.model)
    teacher.bind(student, {'conv': Source('conv')})
    assert teacher.steps == 1 and set(teacher(torch.randn(1, 3, 6, 6), None)) == {'conv'}
    assert all(value.equal(before[key]) for key, value in teacher.model.state_dict().items())


def test_what_listens_to_the_student_does_not_hear_the_teacher():
    heard = []
    student = Net()
    student.register_forward_hook(lambda *call: heard.append('after'))
    student.register_forward_pre_hook(lambda *call, **kw: heard.append('before'), with_kwargs=True)
    _, teacher = bound(student=student)
    teacher(torch.randn(1, 3, 6, 6), None)
    assert not heard


def test_a_detector_teaches_itself_what_its_head_says():
    torch.manual_seed(0)
    student = MODELS.build(tiny.dbnet_cfg())
    teacher = MODELS.build({'type': 'EMATeacher'})
    teacher.bind(student, {'map': text_logits})
    teacher.start()
    data = tiny.prepared(student)
    expected = student.eval().det_head.binarize(student.extract_feat(data['inputs'])).squeeze(1)
    torch.testing.assert_close(teacher(**data)['map'], expected.detach(), rtol=1e-3, atol=1e-4)
    assert set(teacher.state_dict()['state_dict']) == set(student.state_dict())


def test_a_recogniser_of_spoilt_words_learns_from_its_average_on_the_sharp_ones():
    torch.manual_seed(0)
    model = MODELS.build({
        'type': 'LowResRecognizerDistiller', 'student': tiny_recog.crnn_cfg(),
        'teacher': {'type': 'EMATeacher'}, 'init_student_from_teacher': False,
        'losses': {'logits': {'type': 'SoftLogitsLoss', 'alpha': 0., 'log_floor': -999.}}})
    model.init_weights()
    with torch.no_grad():  # a new network says the same of every picture
        model.student.decoder.decoder[-1].embedding.weight.mul_(1000)
    (teacher, ) = ema_teachers(model)
    teacher.start()
    assert set(teacher.state_dict()['state_dict']) == set(model.state_dict())  # the plain keys
    data = tiny_recog.pairs('hello', 'ab')
    values = []
    for sharp in (data['inputs'], [255 - image for image in data['inputs']]):
        batch = tiny.prepared(model, {**data, 'hr_inputs': sharp})
        with teacher_forcing(model.eval().student):
            values.append(model.loss(**batch)['loss_logits'].item())
    assert values[0] == pytest.approx(0, abs=1e-5) and values[1] > 1e-4


def test_is_found_by_the_model_it_belongs_to():
    wrapper = nn.ModuleDict({'second': Net(), 'first': Net()})
    teachers = [bound(student=wrapper[name])[1] for name in ('first', 'second')]
    bound()  # of another model
    assert ema_teachers(wrapper) == teachers[::-1]
    assert copy.deepcopy(teachers[0]) is teachers[0]  # copies of a student need no second one


@pytest.mark.parametrize('momentum', [-.1, 1, 1.5])
def test_momentum(momentum):
    with pytest.raises(ValueError, match=f'momentum={momentum} must be at least 0 and less'):
        EMATeacher(momentum)


def test_is_not_judged_before_it_has_learnt():
    assert not build_teacher({'type': 'EMATeacher', 'evaluate': False}).evaluate
    with pytest.raises(ValueError, match='evaluate=True: before training an EMATeacher is a copy'):
        build_teacher({'type': 'EMATeacher', 'evaluate': True})


def test_without_a_student():
    teacher = EMATeacher()
    for call in (teacher.start, teacher.update, lambda: teacher(torch.zeros(1, 3, 6, 6), None)):
        with pytest.raises(RuntimeError, match='not bound to a student'):
            call()
    assert teacher.networks == ()


def test_a_training_that_forgets_its_average():
    teacher = EMATeacher()
    teacher.bind(Net(), {'map': Source('norm')})
    hub = MessageHub.get_instance('forgetful')
    hub.update_info('loop_stage', 'train')
    try:
        with pytest.raises(RuntimeError, match="add dict.type='EMATeacherHook'. to custom_hooks"):
            teacher(torch.zeros(1, 3, 6, 6), None)
    finally:
        MessageHub._instance_dict.pop('forgetful')
