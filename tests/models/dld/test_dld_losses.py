"""The terms of reading in DLD's objective, without models."""
import pytest
import torch
from mmengine.config import ConfigDict
from tiny_dld import SKD

from mmocr_kd.losses import Labels, Reading
from mmocr_kd.models.dld import DLDLosses


def labels(count=3, steps=5):
    return Labels(torch.randint(0, 5, (count, steps)), torch.full((count, ), 3), blank_idx=6,
                  frames=torch.full((count, ), 8))


def a_reading(count=3, image_index=(0, 0, 2), truth=None, grad=False):
    roi, context, logits = (torch.randn(count, *shape, requires_grad=grad)
                            for shape in ((2, 4, 5), (8, 6), (8, 7)))
    return Reading((logits, ), roi=roi, context=context, labels=truth or labels(count),
                   image_index=torch.tensor(image_index[:count]))


def test_names_of_the_results():
    assert set(DLDLosses(SKD).of_reading(a_reading(), a_reading())) == {
        'loss_kd_roi', 'loss_kd_context', 'loss_kd_seq'}


def test_types_and_names_may_be_left_out():
    losses = DLDLosses({'roi': {}, 'context': {'loss_weight': 2.}, 'sequence': {'search': 'ctc'}})
    assert [losses[name].name for name in ('roi', 'context')] == ['loss_kd_roi', 'loss_kd_context']
    assert losses['context'].loss_weight == 2.


def test_none_drops_a_term():
    """Configs that inherit can only override."""
    losses = DLDLosses(ConfigDict({**SKD, 'roi': None, 'sequence': None}))
    assert set(losses) == {'context'}
    assert set(losses.of_reading(a_reading(), a_reading())) == {'loss_kd_context'}


def test_values():
    losses = DLDLosses(SKD)
    student, teacher = a_reading(), a_reading()
    reading = losses.of_reading(student, teacher)
    torch.testing.assert_close(reading['loss_kd_roi'],
                               (student.roi - teacher.roi).square().mean())
    torch.testing.assert_close(reading['loss_kd_context'],
                               (student.context - teacher.context).square().mean())


def test_gradients_go_where_they_belong():
    student, teacher = a_reading(grad=True), a_reading(grad=True)
    sum(DLDLosses(SKD).of_reading(student, teacher).values()).backward()
    for ours, theirs in ((student.roi, teacher.roi), (student.context, teacher.context),
                         (student.logits[0], teacher.logits[0])):
        assert ours.grad.abs().sum() > 0 and theirs.grad is None


def test_without_words():
    assert DLDLosses(SKD).of_reading(None, None) == {}


def test_no_key_in_checkpoints():
    assert not DLDLosses(SKD).state_dict()


@pytest.mark.parametrize('losses, error, match', [
    ({'region': {}}, ValueError, "'region'"),
    ({'accuracy': {}}, ValueError, 'what trains the selector is objective'),
    ({'roi': {'type': 'SequenceKDLoss'}}, TypeError, 'FeatureL2Loss'),
    ({'sequence': {'type': 'FeatureL2Loss'}}, TypeError, 'SequenceKDLoss'),
])
def test_bad_losses(losses, error, match):
    with pytest.raises(error, match=match):
        DLDLosses(losses)
