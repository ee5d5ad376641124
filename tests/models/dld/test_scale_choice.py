"""Which scale each image gets."""
import pytest
import torch
from mmocr.registry import MODELS
from mmocr.structures import TextSpottingDataSample
from tiny_dld import SCALES, selector_cfg, shake

from mmocr_kd.evaluation import ResolutionStatMetric
from mmocr_kd.models.dld import ScaleChoice, ScaleChooser
from mmocr_kd.models.selectors import ResolutionSelector

IMAGES = torch.zeros(4, 3, 40, 50)


class Scripted(ResolutionSelector):
    """A selector that rates images as told."""

    def __init__(self, *logits):
        super().__init__(SCALES, base_channels=8, norm_cfg={'type': 'GN', 'num_groups': 1})
        self.logits = torch.nn.Parameter(torch.tensor(logits))

    def forward(self, images, data_samples=None):
        return self.logits


def test_a_selector_draws_from_its_probabilities():
    probabilities = torch.tensor([.6, .3, .1])
    chooser = ScaleChooser(Scripted(probabilities.log().tolist()), None)
    drawn = [chooser.draw(IMAGES[:1], None).scales[0] for _ in range(1500)]
    shares = torch.tensor([drawn.count(scale) for scale in SCALES]) / len(drawn)
    torch.testing.assert_close(shares, probabilities, atol=.05, rtol=0)


def test_draws_have_a_gradient_and_scales_are_theirs():
    selector = Scripted(*torch.zeros(4, 3).tolist())
    choice = ScaleChooser(selector, None).draw(IMAGES, None)
    assert [SCALES[i] for i in choice.decisions.argmax(1)] == choice.scales
    assert set(choice.decisions.unique().tolist()) == {0., 1.}
    (choice.decisions * torch.tensor(SCALES)).sum().backward()
    assert (selector.logits.grad.abs().sum(1) > 0).all()


def test_decisions_are_the_best_however_close():
    """A draw would miss them half of the time."""
    chooser = ScaleChooser(Scripted([0., .001, 0.], [.002, .001, 0.], [0., 0., 1e-4]), None)
    for _ in range(10):
        assert chooser.decide(IMAGES[:3], None).scales == [.5, .3, .8]


def test_the_same_image_gets_the_same_scale_in_any_company():
    selector = shake(MODELS.build(selector_cfg())).eval()
    chooser = ScaleChooser(selector, None)
    images = torch.randn(5, 3, 64, 96)
    together = chooser.decide(images, None)
    alone = [chooser.decide(image[None], None) for image in images]
    assert together.scales == [choice.scales[0] for choice in alone]
    torch.testing.assert_close(together.logits, torch.cat([choice.logits for choice in alone]))


def test_one_fixed_scale():
    chooser = ScaleChooser(None, [.5])
    for choice in (chooser.draw(IMAGES, None), chooser.decide(IMAGES, None)):
        assert choice.scales == [.5] * 4
        assert choice.decisions is None and choice.logits is None


def test_random_scales_cover_all_candidates_evenly():
    chooser = ScaleChooser(None, SCALES, test_scale=.5)
    drawn = [scale for _ in range(300) for scale in chooser.draw(IMAGES, None).scales]
    assert all(abs(drawn.count(scale) / len(drawn) - 1 / 3) < .06 for scale in SCALES)
    # Each image its own.
    assert any(len(set(chooser.draw(IMAGES, None).scales)) > 1 for _ in range(20))
    assert chooser.decide(IMAGES, None).scales == [.5] * 4


def test_a_forced_scale_needs_nobody_to_look():
    selector = Scripted([0., 0., 5.])
    selector.forward = None  # would fail if called
    choice = ScaleChooser(selector, None, test_scale=.3).decide(IMAGES, None)
    assert choice.scales == [.3] * 4 and choice.logits is None


def test_a_forced_scale_is_for_prediction_only():
    chooser = ScaleChooser(Scripted([0., 0., 30.]), None, test_scale=.3)
    assert chooser.draw(IMAGES[:1], None).scales == [.8]


def test_notes_are_what_the_metric_wants():
    chooser = ScaleChooser(Scripted([9., 0., 0.], [0., 0., 9.]), None)
    samples = [TextSpottingDataSample(metainfo={'img_path': 'a.png'}) for _ in range(2)]
    chooser.decide(IMAGES[:2], None).note(samples)
    assert [sample.dld_scale for sample in samples] == [.3, .8]
    assert [sample.dld_scale_index for sample in samples] == [0, 2]
    for sample in samples:
        assert sum(sample.dld_scale_probs) == pytest.approx(1)
        assert sample.dld_scale_probs[sample.dld_scale_index] > .99
    metric = ResolutionStatMetric(SCALES)
    metric.process(None, [sample.to_dict() for sample in samples])
    result = metric.evaluate(2)
    assert result['resolution/mean_scale'] == pytest.approx(.55)
    assert result['resolution/hist_0.5'] == 0


def test_notes_of_a_scale_that_is_no_candidate():
    sample = TextSpottingDataSample()
    ScaleChooser(None, SCALES, test_scale=1.).decide(IMAGES[:1], None).note([sample])
    assert sample.dld_scale == 1.
    assert 'dld_scale_index' not in sample and 'dld_scale_probs' not in sample


def test_statistics():
    uniform = ScaleChoice([.3, .8], SCALES, torch.zeros(2, 3)).statistics()
    assert uniform['res_scale_mean'].item() == pytest.approx(.55)
    assert uniform['res_entropy'].item() == pytest.approx(1.0986, abs=1e-4)
    sure = ScaleChoice([.3], SCALES, torch.tensor([[500., 0., 0.]])).statistics()
    assert sure['res_entropy'] == 0  # not NaN
    assert set(ScaleChoice([.3], SCALES).statistics()) == {'res_scale_mean'}
    assert not any('loss' in name for name in uniform)


@pytest.mark.parametrize('scales', [[.5, .3], [.3, 1.5], [.3, .3], [0., .5], [], [-.5]])
def test_impossible_scales(scales):
    with pytest.raises(ValueError, match='scale_factors'):
        ScaleChooser(None, scales, test_scale=.5)


@pytest.mark.parametrize('scale', [0., 1.5, float('nan')])
def test_impossible_forced_scale(scale):
    with pytest.raises(ValueError, match=f'test_scale={scale}'):
        ScaleChooser(None, [.5], test_scale=scale)


def test_selector_and_scales_contradict():
    with pytest.raises(ValueError, match='either a selector'):
        ScaleChooser(MODELS.build(selector_cfg()), [.5])
    with pytest.raises(ValueError, match='either a selector'):
        ScaleChooser(None, None)


def test_several_scales_and_none_to_predict_at():
    with pytest.raises(ValueError, match='test_scale'):
        ScaleChooser(None, SCALES)


def test_something_else_than_a_selector():
    with pytest.raises(TypeError, match='Linear'):
        ScaleChooser(torch.nn.Linear(3, 3), None)
