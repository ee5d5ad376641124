"""Two students teach each other; equality with the published formulas."""
import copy

import pytest
import tiny
import tiny_parseq
import tiny_recog
import torch
import torch.nn.functional as F
from mmengine.logging import MessageHub
from mmocr.registry import MODELS

from mmocr_kd.adapters import build_teacher, draw_text_mask

KD = {'loss': {'type': 'BinaryKDLoss'}}
SMALL, LARGE = tiny.dbnet_cfg(), tiny.dbnet_cfg(width=.5, neck=8)


def build(*students, terms=(KD, ), seed=0, **fields):
    torch.manual_seed(seed)
    students = students or (SMALL, LARGE)
    return MODELS.build({'type': 'MutualDistiller', 'students': copy.deepcopy(list(students)),
                         'terms': list(terms), **fields}).train()


def logits(model, inputs):
    return model.det_head.binarize(model.extract_feat(inputs)).squeeze(1)


def kl(learning, teaching):
    """KL(p_teaching || p_learning) of two classes, by PyTorch's own function."""
    both = [torch.stack([F.logsigmoid(x), F.logsigmoid(-x)]).flatten(1).T
            for x in (learning, teaching.detach())]
    return F.kl_div(*both, log_target=True, reduction='batchmean')


def plain(model, cfg):
    """The same student alone, with weights of its own."""
    copied = MODELS.build(copy.deepcopy(cfg)).train()
    copied.load_state_dict(model.state_dict())
    return copied


def test_losses_and_gradients_equal_the_published_formula():
    model = build()
    data = tiny.prepared(model)
    losses = model(**copy.deepcopy(data), mode='loss')
    assert set(losses) == {f'{prefix}loss_{name}' for prefix in ('', 'peer.')
                           for name in ('prob', 'thr', 'db', 'kd')}
    students = plain(model.student, SMALL), plain(model.peer, LARGE)
    total = 0
    for me, other, prefix in (*[(*students, '')], (*students[::-1], 'peer.')):
        task = me.loss(data['inputs'], copy.deepcopy(data['data_samples']))
        divergence = kl(logits(me, data['inputs']), logits(other, data['inputs']))
        for key, value in {**task, 'loss_kd': divergence}.items():
            torch.testing.assert_close(losses[prefix + key], value, rtol=1e-4, atol=1e-6)
        total = total + sum(task.values()) + divergence
    total.backward()
    model.parse_losses(losses)[0].backward()
    for (name, mine), theirs in zip(
            [*model.student.named_parameters(), *model.peer.named_parameters()],
            [*students[0].parameters(), *students[1].parameters()]):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=2e-3, atol=1e-5, msg=name)


def test_a_teacher_of_both_is_added_as_in_cml(tmp_path):
    spec = tiny.checkpoint(tmp_path / 'teacher.pth', LARGE)
    masket = {'loss': {'type': 'MaskETLoss', 'kd_weight': 3.}}
    model = build(teacher=spec, teacher_terms=[masket])
    data = tiny.prepared(model)
    losses = model(**copy.deepcopy(data), mode='loss')
    teacher = MODELS.build(copy.deepcopy(LARGE)).eval()
    teacher.load_state_dict(torch.load(spec['checkpoint'])['state_dict'])
    with torch.no_grad():
        taught = logits(teacher, data['inputs'])
    mask = draw_text_mask(data['data_samples'], taught, (64, 96))
    for student, prefix, cfg in ((model.student, '', SMALL), (model.peer, 'peer.', LARGE)):
        expected = MODELS.build(masket['loss'])(logits(plain(student, cfg), data['inputs']),
                                                taught, mask)
        for name in ('entropy', 'kd'):
            key = f'{prefix}loss_entropy' if name == 'entropy' else f'{prefix}teacher0.loss_kd'
            torch.testing.assert_close(losses[key], expected[f'loss_{name}'], rtol=1e-3, atol=1e-5)


def test_the_teacher_runs_once_for_both_and_is_taught_what_terms_say(tmp_path):
    spec = tiny.checkpoint(tmp_path / 'teacher.pth', LARGE)
    model = build(teacher=spec)
    model.init_weights()
    runs = []
    model._teacher.networks[0].backbone.register_forward_hook(lambda *call: runs.append(1))
    losses = model(**tiny.prepared(model), mode='loss')
    assert len(runs) == 1
    assert {'loss_kd', 'teacher0.loss_kd', 'peer.loss_kd', 'peer.teacher0.loss_kd'} <= set(losses)


def test_annotations_are_left_as_they_came():
    model = build(terms=[{'loss': {'type': 'BinaryKDLoss', 'mask': 'text'}}])
    data = tiny.prepared(model)
    before = copy.deepcopy(data['data_samples'])
    first = model(**data, mode='loss')
    for sample, old in zip(data['data_samples'], before):
        assert all((a == b).all() for a, b in zip(sample.gt_instances.polygons,
                                                  old.gt_instances.polygons))
    again = model(**data, mode='loss')
    assert all(torch.allclose(again[key], value) for key, value in first.items())


def test_every_parameter_of_both_gets_a_gradient_in_every_step():
    model = build(schedule={'by_epoch': False, 'start': 1})
    hub = MessageHub.get_instance('mutual')
    try:
        for iteration in range(2):
            hub.update_info_dict({'loop_stage': 'train', 'iter': iteration, 'max_epochs': 1})
            losses = model(**tiny.prepared(model), mode='loss')
            assert ('loss_kd' in losses) == ('peer.loss_kd' in losses) == bool(iteration)
            model.zero_grad()
            model.parse_losses(losses)[0].backward()
            assert all(p.grad is not None for p in model.parameters())
    finally:
        MessageHub._instance_dict.pop('mutual')


def test_checkpoints_are_the_first_students_with_the_second_below_a_prefix():
    model = build()
    model(**tiny.prepared(model), mode='loss')
    state = model.state_dict()
    peer = {key.removeprefix('peer.'): state[key] for key in state if key.startswith('peer.')}
    own = {key: value for key, value in state.items() if not key.startswith('peer.')}
    for cfg, part, student in ((SMALL, own, model.student), (LARGE, peer, model.peer)):
        alone = MODELS.build(copy.deepcopy(cfg))
        alone.load_state_dict(part)
        assert all(v.equal(student.state_dict()[k]) for k, v in alone.state_dict().items())
    other = build(seed=1)
    other.load_state_dict(state)
    assert all(value.equal(state[key]) for key, value in other.state_dict().items())


@pytest.mark.parametrize('which', [0, 1])
def test_one_of_them_predicts(which):
    model = build(predict_with=which).eval()
    data = tiny.prepared(model)
    alone = plain((model.student, model.peer)[which], (SMALL, LARGE)[which]).eval()
    assert model(data['inputs']).equal(alone(data['inputs']))
    assert len(model(**data, mode='predict')) == 2


def test_a_second_student_that_normalises_otherwise_sees_the_same_picture():
    other = copy.deepcopy(SMALL)
    other['data_preprocessor'].update(mean=[0., 0., 0.], std=[255., 255., 255.], bgr_to_rgb=False)
    model = build(SMALL, other, predict_with=1).eval()
    seen = []
    model.peer.backbone.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    model(tiny.prepared(model)['inputs'])
    expected = tiny.prepared(MODELS.build(copy.deepcopy(other)))['inputs']
    torch.testing.assert_close(seen[0], expected, rtol=1e-4, atol=1e-5)


def test_mixed_precision_is_compared_in_float32():
    model = build()
    data = tiny.prepared(model)
    exact = model(**copy.deepcopy(data), mode='loss')
    with torch.autocast('cpu', torch.bfloat16):
        losses = model(**data, mode='loss')
    for key in ('loss_kd', 'peer.loss_kd'):
        assert losses[key].dtype == torch.float32
        torch.testing.assert_close(losses[key], exact[key], rtol=.1, atol=1e-3)
    model.parse_losses(losses)[0].backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_copies_of_a_model_in_training_are_independent():
    model = build()
    model(**tiny.prepared(model), mode='loss')
    copied = copy.deepcopy(model)
    with torch.no_grad():
        copied.peer.det_head.binarize[0].weight.zero_()
    first, second = (each(**tiny.prepared(each), mode='loss') for each in (model, copied))
    assert not torch.allclose(first['peer.loss_kd'], second['peer.loss_kd'])


LOGITS = {'loss': {'type': 'SoftLogitsLoss', 'alpha': 0., 'temperature': 1., 'loss_weight': 1.,
                   'mask_source': 'gt'}}


def words(cfg, *texts):
    """A batch of words for students of one kind."""
    data = tiny_recog.pairs(*(texts or ('hello', 'ab', '7')), **cfg)
    del data['hr_inputs']
    return data


@pytest.mark.parametrize('make, picture', [
    (tiny_recog.crnn_cfg, {}),
    (tiny_recog.abinet_language_cfg, {'channels': 3, 'size': (16, 64)}),
], ids=['ctc', 'attention'])
def test_recognisers_read_along_and_compare_what_they_read(make, picture):
    model = build(make(), make(), terms=[LOGITS])
    losses = model(**tiny.prepared(model, words(picture)), mode='loss')
    model.parse_losses(losses)[0].backward()
    for student in (model.student, model.peer):
        assert any(p.grad.abs().sum() > 0 for p in student.parameters() if p.grad is not None)
    assert losses['loss_logits'] > 0 and losses['peer.loss_logits'] > 0
    assert losses['loss_logits'] != losses['peer.loss_logits']  # KL is not symmetric


def test_ctc_losses_equal_the_published_formula():
    model = build(tiny_recog.crnn_cfg(), tiny_recog.crnn_cfg(), terms=[LOGITS])
    data = tiny.prepared(model, words({}))
    losses = model(**data, mode='loss')
    said = [student.decoder(student.extract_feat(data['inputs']), None, data['data_samples'])
            for student in (model.student, model.peer)]
    for prefix, mine, other in (('', *said), ('peer.', *said[::-1])):
        expected = F.kl_div(mine.log_softmax(-1), other.detach().log_softmax(-1),
                            log_target=True, reduction='none').sum(-1).mean()
        torch.testing.assert_close(losses[f'{prefix}loss_logits'], expected, rtol=1e-3, atol=1e-6)


def test_readers_in_random_orders_read_in_the_same_ones(tmp_path):
    cfg = tiny_parseq.recognizer_cfg(tmp_path)
    model = build(cfg, cfg, terms=[LOGITS])
    model.peer.load_state_dict(model.student.state_dict())
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.
        elif isinstance(getattr(module, 'dropout', None), float):
            module.dropout = 0.
    data = words({'channels': 3, 'size': (8, 32)}, 'hello', 'ab', 'z')
    losses = model(**tiny.prepared(model, data), mode='loss')
    assert losses['loss_logits'].abs() < 1e-5 and losses['peer.loss_logits'].abs() < 1e-5
    assert losses['loss_ce'] == losses['peer.loss_ce']


def test_each_weighs_what_it_learns_against_its_own_task():
    model, same = (build(terms=[{**KD, 'loss_weight': weight}]) for weight in ('auto', 1.))
    found, plain = (each(**tiny.prepared(each), mode='loss') for each in (model, same))
    weights = {prefix: found[f'{prefix}weight_mutual0'].item() for prefix in ('', 'peer.')}
    assert weights[''] != weights['peer.'] and 1 not in weights.values()
    for prefix, weight in weights.items():
        torch.testing.assert_close(found[f'{prefix}loss_kd'], weight * plain[f'{prefix}loss_kd'])


def test_a_step_that_fails_leaves_nothing_behind():
    model = build()
    handle = model.peer.det_head.threshold.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model(**tiny.prepared(model), mode='loss')
    handle.remove()
    data = tiny.prepared(model)
    for _ in range(2):  # nobody listens: they may run twice in a row
        model.student(data['inputs'], None, mode='tensor')
        model.peer(data['inputs'], None, mode='tensor')
    assert model(**data, mode='loss')['peer.loss_kd'] > 0


@pytest.mark.parametrize('fields, words', [
    ({'students': [SMALL]}, 'students has 1 configs'),
    ({'terms': []}, 'terms is empty'),
    ({'predict_with': 2}, 'predict_with=2 must be 0'),
    ({'teacher_terms': [KD]}, 'teacher_terms without a teacher'),
    ({'terms': [{**KD, 'teacher': {}}]}, r"a term has \['teacher'\]"),
    ({'terms': [{**KD, 'adaptor': {}}]}, r"a term has \['adaptor'\]"),
    ({'terms': [{**KD, 'loss_weight': 'best'}]}, "loss_weight='best'"),
    ({'students': [SMALL, tiny_recog.crnn_cfg()]}, 'a DBNet and a CRNN: mutual learning is for'),
    ({'students': [tiny_recog.crnn_cfg()] * 2, 'terms': [{'loss': {'type': 'HardLabelLoss'}}]},
     "losses that want a 'reading'"),
])
def test_fields(fields, words):
    with pytest.raises(ValueError, match=words):
        build(*fields.pop('students', ()), **fields)


def test_its_checkpoint_is_a_teachers_for_the_next_training(tmp_path):
    model = build()
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'mutual.pth')
    teacher = build_teacher({'config': SMALL, 'checkpoint': str(tmp_path / 'mutual.pth')})
    state = teacher.build().state_dict()
    assert all(torch.equal(value, state[key]) for key, value in model.student.state_dict().items())
