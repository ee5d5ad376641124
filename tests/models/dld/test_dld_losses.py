"""The terms of DLD's objective, without models."""
import math

import pytest
import torch
from mmengine.config import ConfigDict
from mmocr.registry import MODELS
from tiny_dld import DRS, SCALES, SKD, selector_cfg

from mmocr_kd.losses import Labels, Reading
from mmocr_kd.models.dld import Candidates, DLDLosses, ScaleChoice


def selector(scales=SCALES):
    return MODELS.build(selector_cfg(scales))


def labels(count=3, steps=5):
    return Labels(torch.randint(0, 5, (count, steps)), torch.full((count, ), 3), blank_idx=6,
                  frames=torch.full((count, ), 8))


def a_reading(count=3, image_index=(0, 0, 2), truth=None, grad=False):
    roi, context, logits = (torch.randn(count, *shape, requires_grad=grad)
                            for shape in ((2, 4, 5), (8, 6), (8, 7)))
    return Reading((logits, ), roi=roi, context=context, labels=truth or labels(count),
                   image_index=torch.tensor(image_index[:count]))


def choice(logits=None, decisions=None):
    decisions = torch.eye(3)[[0, 1, 2]] if decisions is None else decisions
    logits = torch.zeros(len(decisions), decisions.shape[1]) if logits is None else logits
    return ScaleChoice([.3] * len(decisions), SCALES[:decisions.shape[1]], logits, decisions)


def read(logits, words=None):
    words = words or a_reading()
    return Candidates(logits, words.labels, words.image_index)


def test_names_of_the_results():
    losses = DLDLosses({**SKD, **DRS}, selector())
    student, teacher = a_reading(), a_reading()
    assert set(losses.of_reading(student, teacher)) == {
        'loss_kd_roi', 'loss_kd_context', 'loss_kd_seq'}
    candidates = torch.randn(3, 3, 8, 7)
    assert set(losses.of_choice(choice(), read(candidates), teacher)) == {
        'loss_res_acc', 'loss_res_cost'}
    assert set(losses.statistics(choice())) == {'res_cost'}


def test_types_and_names_may_be_left_out():
    losses = DLDLosses({'roi': {}, 'context': {'loss_weight': 2.}, 'sequence': {'search': 'ctc'},
                        'accuracy': {}, 'cost': {'loss_weight': .3}}, selector())
    assert [losses[name].name for name in ('roi', 'context')] == ['loss_kd_roi', 'loss_kd_context']
    assert losses['context'].loss_weight == 2.
    assert losses['cost'].rel_cost.tolist() == pytest.approx([s**1.5 for s in SCALES])


def test_none_drops_a_term():
    """Configs that inherit can only override."""
    losses = DLDLosses(ConfigDict({**SKD, **DRS, 'roi': None, 'sequence': None}), selector())
    assert set(losses) == {'context', 'accuracy', 'cost'}
    assert set(losses.of_reading(a_reading(), a_reading())) == {'loss_kd_context'}


def test_values():
    losses = DLDLosses({**SKD, **DRS}, selector())
    student, teacher = a_reading(), a_reading()
    reading = losses.of_reading(student, teacher)
    difference = student.roi - teacher.roi
    torch.testing.assert_close(reading['loss_kd_roi'], difference.square().mean())
    difference = student.context - teacher.context
    torch.testing.assert_close(reading['loss_kd_context'], difference.square().mean())
    cost = losses.of_choice(choice(), read(torch.randn(3, 3, 8, 7)))['loss_res_cost']
    assert cost.item() == pytest.approx(.1 * sum(s**1.5 for s in SCALES) / 3)


def test_accuracy_is_that_of_the_chosen_scale_of_each_words_image():
    """Two words in image 0, none in image 1, one in image 2."""
    losses = DLDLosses({'accuracy': {}, 'cost': {}}, selector())
    student, candidates = a_reading(), torch.randn(3, 3, 8, 7)
    found = losses.of_choice(choice(), read(candidates, student))['loss_res_acc']
    chosen = candidates[[0, 0, 2], [0, 1, 2]].log_softmax(-1).transpose(0, 1)
    expected = torch.nn.functional.ctc_loss(
        chosen, student.labels.indexes, student.labels.frames, student.labels.lengths, 6,
        reduction='none') / 3
    torch.testing.assert_close(found, expected.mean())


def test_what_looks_at_the_teacher():
    everything = selector()
    assert not DLDLosses(DRS, everything).needs_teacher
    assert DLDLosses({**DRS, 'accuracy': {'mode': 'kl'}}, everything).needs_teacher
    for name in SKD:
        assert DLDLosses({name: SKD[name]}, None).needs_teacher
    assert not DLDLosses({}, None).needs_teacher
    assert DLDLosses(DRS, everything).needs_candidates
    assert not DLDLosses({**SKD, 'cost': {}}, everything).needs_candidates


def test_kl_compares_with_the_teacher():
    losses = DLDLosses({'accuracy': {'mode': 'kl'}}, selector())
    teacher = a_reading()
    same = teacher.logits[0].expand(3, -1, -1, -1)
    assert losses.of_choice(choice(), read(same), teacher)['loss_res_acc'].item() < 1e-6
    assert losses.of_choice(choice(), read(same + torch.randn(same.shape)),
                            teacher)['loss_res_acc'] > .1


def test_gradients_go_where_they_belong():
    losses = DLDLosses({**SKD, **DRS}, selector())
    student, teacher = a_reading(grad=True), a_reading(grad=True)
    decisions = torch.eye(3)[[0, 1, 2]].requires_grad_()
    candidates = torch.randn(3, 3, 8, 7, requires_grad=True)
    results = losses.of_choice(choice(decisions=decisions), read(candidates), teacher)
    sum(results.values()).backward()
    assert decisions.grad.abs().sum() > 0
    assert candidates.grad is None and student.logits[0].grad is None
    sum(losses.of_reading(student, teacher).values()).backward()
    for name in ('roi', 'context', 'logits'):
        assert student.features[name].grad.abs().sum() > 0
        assert teacher.features[name].grad is None


def test_without_words():
    losses = DLDLosses({**SKD, **DRS}, selector())
    decisions = torch.eye(3).requires_grad_()
    assert losses.of_reading(None, None) == {}
    results = losses.of_choice(choice(decisions=decisions), None)
    assert results['loss_res_acc'] == 0 and results['loss_res_cost'] > 0
    results['loss_res_acc'].backward()
    assert (decisions.grad == 0).all()


def test_without_a_selector_there_is_no_choice():
    losses = DLDLosses(SKD, None)
    fixed = ScaleChoice([.5], (.5, ))
    assert losses.of_choice(fixed, None, a_reading()) == {} == losses.statistics(fixed)


def test_a_selector_that_nothing_trains():
    with pytest.raises(ValueError, match='nothing trains the selector'):
        DLDLosses(SKD, selector()).of_choice(choice(), None, a_reading())


def test_expected_cost_is_that_of_the_probabilities():
    logits = torch.tensor([[math.log(2), 0., -math.inf]], requires_grad=True)
    found = DLDLosses(DRS, selector()).statistics(choice(logits, torch.eye(3)[:1]))['res_cost']
    assert found.item() == pytest.approx(2 / 3 * .3**1.5 + 1 / 3 * .5**1.5)
    assert not found.requires_grad


def test_one_scale():
    """K = 1: the decision is always one, the cost constant, no gradient."""
    one = selector([.5])
    losses = DLDLosses(DRS, one)
    logits = torch.randn(3, 1, requires_grad=True)
    decisions = one.sample(logits)
    assert torch.equal(decisions, torch.ones(3, 1))
    results = losses.of_choice(choice(logits, decisions), read(torch.randn(1, 3, 8, 7)))
    assert results['loss_res_cost'].item() == pytest.approx(.1 * .5**1.5)
    sum(results.values()).backward()
    assert logits.grad.abs().max() < 1e-7


def test_gamma_zero_is_pure_accuracy():
    losses = DLDLosses({'accuracy': {}, 'cost': {'loss_weight': 0.}}, selector())
    decisions = torch.eye(3).requires_grad_()
    results = losses.of_choice(choice(decisions=decisions), read(torch.randn(3, 3, 8, 7)))
    assert results['loss_res_cost'] == 0
    both, = torch.autograd.grad(sum(results.values()), decisions, retain_graph=True)
    accuracy, = torch.autograd.grad(results['loss_res_acc'], decisions)
    assert torch.equal(both, accuracy)


def test_no_key_in_checkpoints():
    assert not DLDLosses({**SKD, **DRS}, selector()).state_dict()


@pytest.mark.parametrize('losses, with_selector, error, match', [
    ({'region': {}}, True, ValueError, "'region'"),
    ({'cost': {}}, False, ValueError, "'cost'"),
    ({'accuracy': {}}, False, ValueError, "'accuracy'"),
    ({'cost': {'scale_factors': [.3, .5]}}, True, ValueError, 'leave them out'),
    ({'cost': {'scale_factors': [.5, .3, .8]}}, True, ValueError, 'rise'),
    ({'roi': {'type': 'SequenceKDLoss'}}, False, TypeError, 'FeatureL2Loss'),
    ({'sequence': {'type': 'FeatureL2Loss'}}, False, TypeError, 'SequenceKDLoss'),
])
def test_bad_losses(losses, with_selector, error, match):
    with pytest.raises(error, match=match):
        DLDLosses(losses, selector() if with_selector else None)


def test_scales_of_the_cost_may_be_said_again():
    assert 'cost' in DLDLosses({'cost': {'scale_factors': list(SCALES)}}, selector())


def test_target_is_the_softmax_of_loss_and_price():
    """Two words in image 0, none in image 1, one in image 2: the price alone counts there."""
    losses = DLDLosses({'target': {'temperature': .5}, 'cost': {'loss_weight': .3}}, selector())
    words, logits = a_reading(), torch.randn(3, 3, requires_grad=True)
    candidates = torch.randn(3, 3, 8, 7, requires_grad=True)
    found = losses.of_choice(choice(logits), read(candidates, words))
    assert set(found) == {'loss_res_target'}
    prices = .3 * torch.tensor(SCALES)**1.5
    errors = prices.expand(3, 3).clone()
    for word, image in enumerate((0, 0, 2)):
        for k in range(3):
            ctc = torch.nn.functional.ctc_loss(
                candidates[k, word, :, None].log_softmax(-1), words.labels.indexes[word:word + 1],
                [8], [3], 6, reduction='sum') / 3
            errors[image, k] += ctc.detach() / (2 if image == 0 else 1)
    expected = -((-errors / .5).softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
    torch.testing.assert_close(found['loss_res_target'], expected)
    found['loss_res_target'].backward()
    assert candidates.grad is None and logits.grad.abs().sum() > 0


def test_target_of_no_words_at_all_is_the_price():
    losses = DLDLosses({'target': {}, 'cost': {'loss_weight': 10.}}, selector())
    logits = torch.zeros(3, 3, requires_grad=True)
    losses.of_choice(choice(logits), None)['loss_res_target'].backward()
    assert (logits.grad[:, 0] < 0).all() and (logits.grad[:, 1:] > 0).all()


@pytest.mark.parametrize('terms', [{'target': {}}, {'target': {}, 'accuracy': {}, 'cost': {}}])
def test_target_replaces_the_accuracy_and_needs_the_cost(terms):
    with pytest.raises(ValueError, match="takes the place of 'accuracy'"):
        DLDLosses(terms, selector())


def test_target_has_no_budget():
    with pytest.raises(ValueError, match='budget'):
        DLDLosses({'target': {}, 'cost': {'budget': .5}}, selector())
