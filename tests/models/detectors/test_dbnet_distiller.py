import copy

import pytest
import tiny
import torch
from mmengine.logging import MessageHub
from mmocr.registry import MODELS

from mmocr_kd.distill import TeacherOutputError

FITNET = {'loss': {'type': 'FitNetLoss'}, 'source': 'neck',
          'adaptor': {'type': 'ConvAdaptor', 'in_channels': 16, 'out_channels': 32}}
MASKET = {'loss': {'type': 'MaskETLoss'}}


@pytest.fixture
def spec(tmp_path):
    return tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))


@pytest.fixture(autouse=True)
def progress():
    hub = MessageHub.get_instance('test_dbnet_distiller')
    yield lambda **info: hub.update_info_dict({'loop_stage': 'train', 'max_epochs': 9, **info})
    hub.pop_info('loop_stage', None)


def build(spec, *terms, **fields):
    cfg = tiny.dbnet_cfg(type='DBNetDistiller', teacher=spec, terms=list(terms), **fields)
    return MODELS.build(cfg).train()


def loss(model):
    return model(**tiny.prepared(model), mode='loss')


def test_all_terms_are_summed_and_adaptors_learn(spec):
    model = build(spec, MASKET, FITNET)
    losses = loss(model)
    assert {'loss_prob', 'loss_entropy', 'loss_kd', 'loss_fitnet'} <= set(losses)
    total, _ = model.parse_losses(losses)
    total.backward()
    assert all(p.grad.abs().sum() > 0 for p in model.adaptors.parameters())


def test_terms_with_the_same_loss_are_kept_apart(spec):
    backbone = {'loss': {'type': 'FitNetLoss'}, 'source': {'path': 'backbone', 'index': 0},
                'adaptor': {'type': 'ConvAdaptor', 'in_channels': 8, 'out_channels': 8}}
    losses = loss(build(spec, FITNET, backbone))
    assert {'loss_fitnet', 'term1.loss_fitnet'} <= set(losses)


def test_fitnet_term_equals_the_loss_by_hand(spec):
    model = build(spec, FITNET)
    data = tiny.prepared(model)
    teacher = MODELS.build(copy.deepcopy(spec['config'])).eval()
    teacher.load_state_dict(torch.load(spec['checkpoint'])['state_dict'])
    with torch.no_grad():
        gap = model.adaptors.term0(model.extract_feat(data['inputs']))
        gap = gap - teacher.extract_feat(data['inputs'])
    assert loss(model)['loss_fitnet'].item() == pytest.approx((gap**2).mean().item(), rel=1e-4)


def test_student_keys_are_dbnets_and_nothing_of_the_teacher_is_saved(spec):
    model = build(spec, MASKET, FITNET)
    loss(model)
    plain = MODELS.build(tiny.dbnet_cfg())
    state = model.state_dict()
    assert set(state) - set(plain.state_dict()) == {
        'adaptors.term1.conv.weight', 'adaptors.term1.conv.bias'}
    plain.load_state_dict({k: v for k, v in state.items() if not k.startswith('adaptors.')})


def test_without_adaptors_the_checkpoint_is_plain(spec):
    MODELS.build(tiny.dbnet_cfg()).load_state_dict(build(spec, MASKET).state_dict(), strict=True)


def test_testing_needs_no_teacher():
    model = build({'config': 'nowhere.py', 'checkpoint': 'nowhere.pth'}, MASKET, FITNET).eval()
    plain = MODELS.build(tiny.dbnet_cfg()).eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    data = tiny.prepared(model)
    assert torch.equal(model(data['inputs']), plain(data['inputs']))
    assert model(**data, mode='predict')
    with pytest.raises(FileNotFoundError, match='nowhere'):
        loss(model.train())


def test_schedule_follows_the_message_hub(spec, progress):
    model = build(spec, MASKET, FITNET, schedule={'start': 2, 'stop': 4})
    due = []
    for epoch in range(6):
        progress(epoch=epoch)
        due.append('loss_kd' in loss(model))
    assert due == [False, False, True, True, False, False]


@pytest.mark.parametrize('schedule', [{'start': 1}, {'warmup': 3}, {'stop': 2}])
def test_schedules_ask_for_a_runner(spec, schedule, monkeypatch):
    monkeypatch.setattr(MessageHub, '_instance_dict', {})  # of trainings that other tests broke off
    with pytest.raises(RuntimeError, match='no Runner of MMEngine is training'):
        loss(build(spec, MASKET, schedule=schedule))


def test_schedules_that_count_epochs_need_some(spec, progress):
    progress(epoch=0, iter=5, max_epochs=1)  # what IterBasedTrainLoop says
    with pytest.raises(ValueError, match='set by_epoch=False'):
        loss(build(spec, MASKET, schedule={'stop': 2}))
    assert 'loss_kd' in loss(build(spec, MASKET, schedule={'by_epoch': False, 'stop': 6}))
    assert 'loss_kd' not in loss(build(spec, MASKET, schedule={'by_epoch': False, 'stop': 5}))


def test_what_is_wrong_with_the_teacher_shows_before_training(spec):
    for wrong in ({**spec, 'checkpoint': 'no.pth'}, {**spec, 'config': 'no.py'}):
        model = build(wrong, MASKET, schedule={'start': 100})
        with pytest.raises(FileNotFoundError, match='does not exist'):
            model.init_weights()
        assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_idle_adaptors_get_a_zero_gradient(spec, progress):
    progress(epoch=0)
    model = build(spec, FITNET, schedule={'start': 2})
    losses = loss(model)
    assert 'loss_fitnet' not in losses
    model.parse_losses(losses)[0].backward()
    assert all((p.grad == 0).all() for p in model.adaptors.parameters())


def test_copies_share_the_teacher_and_work_alone(spec):
    model = build(spec, MASKET, FITNET)
    loss(model)
    copied = copy.deepcopy(model)
    assert copied.distiller.teachers == model.distiller.teachers != []
    with torch.no_grad():
        copied.adaptors.term1.conv.weight.zero_()
    ours, theirs = (loss(m)['loss_fitnet'].item() for m in (model, copied))
    assert ours != theirs


def test_channels_that_differ_without_adaptor(spec):
    with pytest.raises(TeacherOutputError, match='adaptor'):
        loss(build(spec, {'loss': {'type': 'FitNetLoss'}, 'source': 'neck'}))


def test_no_terms_is_refused(spec):
    with pytest.raises(ValueError, match='terms'):
        build(spec)


def test_a_term_may_have_a_teacher_and_a_weight_of_its_own(spec, tmp_path):
    other = tiny.checkpoint(tmp_path / 'other.pth', tiny.dbnet_cfg(width=.5, neck=8), seed=1)
    both = build(spec, MASKET, {**FITNET, 'teacher': other, 'loss_weight': 3.})
    alone = build(other, FITNET)
    alone.adaptors.term0.load_state_dict(both.adaptors.term1.state_dict())
    alone.load_state_dict(both.state_dict(), strict=False)
    torch.testing.assert_close(loss(both)['loss_fitnet'], 3 * loss(alone)['loss_fitnet'])
    assert len(both.distiller.teachers) == 2


def test_a_weight_is_solved_for_before_the_adaptor(spec):
    """On the student's own features, which the task hangs on, too."""
    model = build(spec, {**FITNET, 'loss_weight': 'auto', 'share': 2.})
    plain, features = build(spec, FITNET), []
    plain.load_state_dict(model.state_dict())
    plain.neck.register_forward_hook(lambda *call: features.append(call[-1]))
    found, expected = loss(model), loss(plain)
    own = sum(value for key, value in expected.items() if key != 'loss_fitnet')
    task, term = (torch.autograd.grad(value, features[0], retain_graph=True)[0].norm()
                  for value in (own, expected['loss_fitnet']))
    assert found['weight_term0'].item() == pytest.approx((2 * task / term).item(), rel=1e-3)
    model.parse_losses(found)[0].backward()
    assert all(p.grad.abs().sum() > 0 for p in model.adaptors.parameters())
