import pytest
import tiny
import torch
from mmengine.hooks import Hook
from mmocr.registry import HOOKS, MODELS
from test_masket_distill_hook import build_runner, forward_hooks, hook, train

from mmocr_kd.hooks import QuantizationAwareTrainingHook

ROUNDED = {'type': 'QuantizationAwareTrainingHook'}


@pytest.fixture
def spec(tmp_path):
    return tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))


def state(runner):
    return runner.model.state_dict()


def test_registered_in_mmocr():
    assert HOOKS.get('QuantizationAwareTrainingHook') is QuantizationAwareTrainingHook


def test_the_student_rounds_and_its_checkpoint_is_a_plain_one(tmp_path, spec):
    _, plain = train(tmp_path, hook(spec), name='plain', epochs=1)
    runner, steps = train(tmp_path, hook(spec), ROUNDED, epochs=1)
    assert steps[0] != plain[0] and steps[0] == pytest.approx(plain[0], rel=.2)
    assert forward_hooks(runner.model) == 0
    saved = torch.load(tmp_path / 'run' / 'epoch_1.pth', weights_only=False)['state_dict']
    MODELS.build(tiny.dbnet_cfg()).load_state_dict(saved)


class Counted(Hook):
    """Remembers how many hooks hang on the teacher and on the student after a step."""

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        distiller = next(one for one in runner.hooks if hasattr(one, 'distiller')).distiller
        networks = [net for term in distiller.terms.values() for net in term.teacher.networks]
        self.seen = sum(map(forward_hooks, networks)), forward_hooks(runner.model)


def test_the_teacher_does_not_round(tmp_path, spec):
    counted = []
    for hooks in ([], [ROUNDED]):
        counted.append(Counted())
        runner = build_runner(tmp_path, hook(spec), *hooks, epochs=1)
        runner.register_hook(counted[-1])
        runner.train()
    (teacher, student), (teacher_beside, rounded) = (one.seen for one in counted)
    assert teacher == teacher_beside and rounded > student + 50


@pytest.mark.parametrize('fields', [{'start': 1}, {'start': 4, 'by_epoch': False}])
def test_it_starts_when_it_is_told_to(tmp_path, spec, fields):
    _, plain = train(tmp_path, hook(spec), name='plain')
    _, steps = train(tmp_path, hook(spec), {**ROUNDED, **fields})
    assert steps[:4] == plain[:4] and steps[4] != plain[4]


def test_resumed_it_goes_on_as_if_nothing_happened(tmp_path, spec):
    whole, _ = train(tmp_path, hook(spec), ROUNDED, name='whole')
    train(tmp_path, hook(spec), ROUNDED, name='part', epochs=1)
    again, _ = train(tmp_path, hook(spec), ROUNDED, name='part', resume=True)
    for (name, one), other in zip(state(whole).items(), state(again).values()):
        assert torch.equal(one, other), name


def test_averages_are_of_the_weights_that_are_not_rounded(tmp_path, spec):
    runner, _ = train(tmp_path, hook(spec), ROUNDED, {'type': 'EMAHook', 'momentum': .5}, epochs=1)
    saved = torch.load(tmp_path / 'run' / 'epoch_1.pth', weights_only=False)
    weight = next(value for name, value in saved['state_dict'].items() if value.dim() == 4)
    assert len(weight[0].unique()) > 0.9 * weight[0].numel()
    assert saved['ema_state_dict']


def test_a_teacher_that_is_the_students_average_does_not_round(tmp_path):
    own = {'type': 'MaskETDistillHook', 'teacher': {'type': 'EMATeacher', 'momentum': 0.}}
    _, steps = train(tmp_path, own, {'type': 'EMATeacherHook'}, ROUNDED, epochs=1)
    # A copy of the student in all but rounding; without that nothing would be left to learn.
    assert all(step['loss_kd'] > 0 for step in steps)


def test_compile_is_refused(tmp_path, spec):
    with pytest.raises(ValueError, match='leave compile out'):
        train(tmp_path, hook(spec), ROUNDED, compile={'backend': 'eager'})


def test_negative_start():
    with pytest.raises(ValueError, match='start=-1'):
        QuantizationAwareTrainingHook(start=-1)
