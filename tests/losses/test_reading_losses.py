"""What the losses of KD-LTR have in common, on one pair of readings."""
import golden
import pytest
import torch
from mmengine.model import BaseModel
from mmocr.registry import MODELS

from mmocr_kd.losses import Labels, Reading

CONFIGS = {
    'visual': {'type': 'VisualFocusLoss', 'loss_weight': 4., 'mask': 'attention'},
    'semantic': {'type': 'SemanticContrastiveLoss', 'loss_weight': 2., 'in_channels': 6,
                 'hidden_channels': 3, 'out_channels': 5, 'temperature': .1, 'projector': 'bilstm',
                 'exclude_same_class': False},
    'logits': {'type': 'SoftLogitsLoss', 'loss_weight': 20., 'temperature': 4., 'alpha': .2,
               'path_threshold': .1, 'num_paths': 6, 'branch': 3, 'length_norm': 'div',
               'mask_source': 'teacher_path', 'log_floor': -10., 'blank_weight': None},
    'hard': {'type': 'HardLabelLoss', 'loss_weight': .025},
}


def build(name, **fields):
    torch.manual_seed(0)
    return MODELS.build({**CONFIGS[name], **fields}).double()


def reading(seed, words=2, steps=4):
    torch.manual_seed(seed)
    logits, glimpses, visual = (torch.randn(words, *shape, dtype=torch.float64, requires_grad=True)
                                for shape in ((steps, 9), (steps, 6), (3, 4, 8)))
    attention = torch.rand(words, steps, 4, 8, dtype=torch.float64, requires_grad=True)
    return Reading((logits, ), (glimpses, ), visual, attention)


def tensors(reading):
    return [*reading.logits, *reading.glimpses, reading.visual, reading.attention]


def ctc_labels():
    return Labels(torch.tensor([[3, 4], [5, 0]]), torch.tensor([2, 1]), None, 8,
                  frames=torch.tensor([4, 3]))


@pytest.mark.parametrize('labels', [golden.labels([3, 4], 4), ctc_labels()], ids=['eos', 'ctc'])
def test_each_term_counts_once_with_its_weight(labels):
    student, teacher = reading(1), reading(2)
    losses, expected = {}, 0.
    for name, cfg in CONFIGS.items():
        term = build(name)(student, teacher, labels)
        assert list(term) == [f'loss_{name}']
        losses.update(term)
        raw = build(name, loss_weight=1.)(student, teacher, labels)[f'loss_{name}']
        expected += cfg['loss_weight'] * raw.item()
    total, logged = BaseModel.parse_losses(None, losses)
    assert total.item() == pytest.approx(expected)
    assert set(logged) == {'loss', *losses}


@pytest.mark.parametrize('name', CONFIGS)
@pytest.mark.parametrize('labels', [golden.labels([3, 4], 4), ctc_labels()], ids=['eos', 'ctc'])
def test_gradient_flows_into_the_student_alone(name, labels):
    student, teacher = reading(1), reading(2)
    build(name)(student, teacher, labels)[f'loss_{name}'].backward()
    assert all(x.grad is None for x in tensors(teacher))
    grads = [x.grad for x in tensors(student) if x.grad is not None]
    assert len(grads) == 1 and torch.isfinite(grads[0]).all() and grads[0].abs().sum() > 0


@pytest.mark.parametrize('name', CONFIGS)
def test_one_word_of_one_character(name):
    result, = build(name)(reading(1, 1, 1), reading(2, 1, 1), golden.labels([1], 1)).values()
    assert torch.isfinite(result) and result.item() >= 0


@pytest.mark.parametrize('name', CONFIGS)
def test_order_of_words_does_not_count(name):
    def flipped(reading):
        logits, glimpses, visual, attention = (x.flip(0) for x in tensors(reading))
        return Reading((logits, ), (glimpses, ), visual, attention)

    student, teacher, loss = reading(1), reading(2), build(name)
    a, = loss(student, teacher, golden.labels([3, 4], 4)).values()
    b, = loss(flipped(student), flipped(teacher), golden.labels([4, 3], 4)).values()
    assert a.item() == pytest.approx(b.item())


@pytest.mark.parametrize('name', CONFIGS)
def test_inputs_stay_as_they_are(name):
    student, teacher, labels = reading(1), reading(2), golden.labels([3, 4], 4)
    before = [x.detach().clone() for x in (*tensors(student), *tensors(teacher), labels.indexes)]
    build(name)(student, teacher, labels)
    after = [*tensors(student), *tensors(teacher), labels.indexes]
    assert all(torch.equal(x, y) for x, y in zip(before, after))


@pytest.mark.parametrize('name', CONFIGS)
@pytest.mark.parametrize('mask_source', ['teacher_path', 'teacher_greedy', 'gt'])
def test_past_the_end_of_a_word_an_autoregressive_decoder_says_nothing(name, mask_source):
    def changed(reading):
        """Other steps past the end of the first word."""
        logits, glimpses, visual, attention = (x.detach().clone() for x in tensors(reading))
        for x in (logits, glimpses, attention):
            x[0, 2:] = 9 * torch.rand_like(x[0, 2:])
        return Reading((logits, ), (glimpses, ), visual, attention)

    student, teacher = reading(1), reading(2)
    labels = golden.labels([2, 4], 4, autoregressive=True)
    loss = build(name, **({'mask_source': mask_source} if name == 'logits' else {}))
    key, value = next(iter(loss(student, teacher, labels).items()))
    for pair in ((changed(student), teacher), (student, changed(teacher))):
        assert loss(*pair, labels)[key].item() == pytest.approx(value.item(), rel=1e-12)
    value.backward()
    assert not any(x.grad[0, 2:].any() for x in (*student.logits, *student.glimpses)
                   if x.grad is not None)
