"""Which scale each image gets."""
import pytest
import torch
from mmocr.registry import MODELS
from mmocr.structures import TextSpottingDataSample
from tiny_dld import SCALES, selector_cfg, shake

from mmocr_kd.evaluation import ResolutionStatMetric
from mmocr_kd.models.dld import ScaleChooser
from mmocr_kd.models.selectors import ResolutionSelector
from mmocr_kd.models.selectors.price_table import mean_costs

IMAGES = torch.zeros(4, 3, 40, 50)


class Scripted(ResolutionSelector):
    """A selector that rates images as told."""

    def __init__(self, *logits, predicts='logits', **fields):
        super().__init__(SCALES, predicts, base_channels=8,
                         norm_cfg={'type': 'GN', 'num_groups': 1}, **fields)
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
    torch.testing.assert_close(together.scores, torch.cat([choice.scores for choice in alone]))


def test_one_fixed_scale():
    chooser = ScaleChooser(None, [.5])
    for choice in (chooser.draw(IMAGES, None), chooser.decide(IMAGES, None)):
        assert choice.scales == [.5] * 4
        assert choice.decisions is None and choice.scores is None and choice.costs == [.25] * 4


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
    assert choice.scales == [.3] * 4 and choice.scores is None


def test_a_forced_scale_is_for_prediction_only():
    chooser = ScaleChooser(Scripted([0., 0., 30.]), None, test_scale=.3)
    assert chooser.draw(IMAGES[:1], None).scales == [.8]


def noted(choice, count):
    samples = [TextSpottingDataSample(metainfo={'img_path': 'a.png'}) for _ in range(count)]
    choice.note(samples)
    return samples


def test_notes_are_what_the_metric_wants():
    chooser = ScaleChooser(Scripted([9., 0., 0.], [0., 0., 9.], costs=1.5), None)
    samples = noted(chooser.decide(IMAGES[:2], None), 2)
    assert [sample.dld_scale for sample in samples] == [.3, .8]
    assert [sample.dld_scale_index for sample in samples] == [0, 2]
    assert [sample.dld_cost for sample in samples] == pytest.approx([.3**1.5, .8**1.5])
    for sample in samples:
        assert sum(sample.dld_scale_probs) == pytest.approx(1)
        assert sample.dld_scale_probs[sample.dld_scale_index] > .99
        assert 'dld_errors' not in sample
    metric = ResolutionStatMetric(SCALES)
    metric.process(None, [sample.to_dict() for sample in samples])
    result = metric.evaluate(2)
    assert result['resolution/mean_scale'] == pytest.approx(.55)
    assert result['resolution/rel_cost'] == pytest.approx((.3**1.5 + .8**1.5) / 2)


def test_notes_of_expected_errors():
    chooser = ScaleChooser(Scripted([3., 1., .5], [0., 0., 0.], predicts='errors',
                                    costs=[.1, .3, .7]), None)
    first, second = noted(chooser.decide(IMAGES[:2], None), 2)
    assert (first.dld_scale, first.dld_scale_index) == (.8, 2)
    assert (second.dld_scale, second.dld_scale_index) == (.3, 0)
    assert (first.dld_cost, second.dld_cost) == pytest.approx((.7, .1))
    assert first.dld_errors == [3., 1., .5] and 'dld_scale_probs' not in first


def test_notes_of_a_scale_that_is_no_candidate():
    sample, = noted(ScaleChooser(None, SCALES, test_scale=1.).decide(IMAGES[:1], None), 1)
    assert sample.dld_scale == sample.dld_cost == 1.
    assert 'dld_scale_index' not in sample and 'dld_errors' not in sample
    measured = Scripted([0.] * 3, predicts='errors', costs=[.2, .4, .7])
    sample, = noted(ScaleChooser(measured, None, test_scale=.5).decide(IMAGES[:1], None), 1)
    assert sample.dld_cost == pytest.approx(.4)  # of what was measured


# Price and budget

ERRORS = [[4., 1., 0.], [.3, .2, .1], [0., 0., 0.], [9., 9., 1.]]


def expecting(errors=ERRORS, **fields):
    return Scripted(*errors, predicts='errors', costs=[.1, .3, .7], **fields)


@pytest.mark.parametrize('price, scales', [
    (None, [.8, .3, .3, .8]), (0., [.8, .8, .3, .8]), (.3, [.8, .5, .3, .8]),
    (5., [.5, .3, .3, .8]), (100., [.3] * 4)])
def test_price_trades_errors_for_cost(price, scales):
    assert ScaleChooser(expecting(), None, price=price).decide(IMAGES, None).scales == scales


def filled(**fields):
    selector = expecting(**fields)
    selector.mean_costs.copy_(mean_costs(selector.logits.detach(), selector.costs))
    return selector


@pytest.mark.parametrize('budget', [.1, .2, .35, .4, .7, 1.])
def test_budget_is_met_on_the_images_of_the_table(budget):
    choice = ScaleChooser(filled(), None, budget=budget).decide(IMAGES, None)
    assert sum(choice.costs) / 4 <= budget + 1e-6
    # and not by more than has to be: the next lower price costs too much
    table = filled().mean_costs
    assert sum(choice.costs) / 4 == pytest.approx(table[table <= budget + 1e-6].max().item())


def test_budget_in_milliseconds():
    share = ScaleChooser(filled(full_ms=200.), None, budget=.35).decide(IMAGES, None)
    for text in ('70 ms', '70ms', ' 70.0 ms '):
        timed = ScaleChooser(filled(full_ms=200.), None, budget=text)
        assert timed.budget == .35 and timed.decide(IMAGES, None).scales == share.scales


def test_a_budget_takes_the_place_of_a_price():
    choice = ScaleChooser(filled(), None, price=0., budget=.1).decide(IMAGES, None)
    assert choice.scales == [.3] * 4


def test_a_budget_without_a_table():
    with pytest.raises(ValueError, match=r"budget=0.5 .*is empty: .*type='BudgetTableHook'"):
        ScaleChooser(expecting(), None, budget=.5).decide(IMAGES, None)
    ScaleChooser(expecting(), None, budget=.5).draw(IMAGES, None)  # training asks for none


def test_a_budget_that_cannot_be_met():
    with pytest.raises(ValueError, match='budget=0.05 cannot be met.*costs 0.1 of'):
        ScaleChooser(filled(), None, budget=.05).decide(IMAGES, None)


@pytest.mark.parametrize('fields, message', [
    ({'price': -1.}, 'price=-1'), ({'price': float('nan')}, 'price=nan'),
    ({'price': float('inf')}, 'price=inf'),
    ({'budget': 0.}, 'budget=0.0'), ({'budget': 1.5}, 'budget=1.5'),
    ({'budget': '50'}, "budget='50' must be a share"), ({'budget': '5 s'}, "budget='5 s'"),
    ({'budget': '50 ms'}, "budget='50 ms' is a time, and nobody knows.*full_ms")])
def test_impossible_prices_and_budgets(fields, message):
    with pytest.raises(ValueError, match=message):
        ScaleChooser(expecting(), None, **fields)


@pytest.mark.parametrize('fields', [{'price': 2.}, {'budget': .5}])
def test_nobody_predicts_the_errors_of_a_price(fields):
    for selector, scales in ((Scripted([0.] * 3), None), (None, [.5])):
        with pytest.raises(ValueError, match="none with predicts='errors': leave both out"):
            ScaleChooser(selector, scales, **fields)


def test_a_student_of_expected_errors_is_trained_at_all_scales():
    """Whatever is expected: it has to be good at all of them."""
    chooser = ScaleChooser(expecting([[0., 50., 50.]] * 4), None)
    torch.manual_seed(0)
    choices = [chooser.draw(IMAGES, None) for _ in range(300)]
    drawn = [scale for choice in choices for scale in choice.scales]
    assert all(abs(drawn.count(scale) / len(drawn) - 1 / 3) < .06 for scale in SCALES)
    assert choices[0].scores.requires_grad and choices[0].decisions is None


def test_ranks_of_one_seed_draw_for_themselves(monkeypatch):
    """MMEngine gives all ranks the same seed: they drew the same scales."""
    module, drawn = 'mmocr_kd.models.dld.scale_choice', []
    monkeypatch.setattr(f'{module}.get_world_size', lambda: 2)
    chooser = ScaleChooser(None, SCALES, test_scale=.5)
    for rank in range(2):
        monkeypatch.setattr(f'{module}.get_rank', lambda rank=rank: rank)
        torch.manual_seed(3)
        drawn.append([scale for _ in range(20) for scale in chooser.draw(IMAGES, None).scales])
    same = sum(one == other for one, other in zip(*drawn))
    assert 10 < same < 50


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
