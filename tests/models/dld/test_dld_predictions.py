"""What a DLD spotter predicts, and at which scale."""
import copy

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from tiny_dld import (
    SCALES,
    WORDS,
    choose,
    contents,
    dld,
    found,
    pages,
    prepared,
    same,
    shake,
    state,
    tight,
)
from tiny_spotter import batch, page

from mmocr_kd.evaluation import E2ETextSpottingMetric, ResolutionStatMetric

SIZES = [(96, 160), (64, 100), (70, 120)]


@pytest.fixture(scope='module')
def model():
    return shake(dld()).eval()


class BoxFinder(torch.nn.Module):
    """Finds the one bright box of each image, by looking at it."""

    def forward(self, inputs, data_samples, mode):
        for image, sample in zip(inputs, data_samples):
            height, width = sample.img_shape
            bright = image[:, :height, :width].mean(0) > 0
            rows, columns = (torch.nonzero(bright.any(axis))[:, 0] for axis in (1, 0))
            left, right = columns.min().item(), columns.max().item() + 1
            top, bottom = rows.min().item(), rows.max().item() + 1
            box = np.array([left, top, right, top, right, bottom, left, bottom], np.float32)
            sample.pred_instances = InstanceData(polygons=[box], scores=torch.ones(1))
        return data_samples


def bright_box(left, top, right, bottom, size, scale=(1., 1.)):
    """An image of a white box, with its outline in coordinates of the original file as truth."""
    image, sample = page([], size=size, scale=scale)
    image[:, top:bottom, left:right] = 255
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    sample.gt_instances = InstanceData(
        polygons=[(corners / np.float32(scale)).ravel()], texts=['box'], labels=torch.zeros(1),
        bboxes=np.zeros((1, 4), np.float32), ignored=torch.zeros(1, dtype=torch.bool))
    return image, sample


def finds_boxes(model):
    """A copy of the model whose detector finds bright boxes."""
    changed = copy.deepcopy(model)
    changed.student.detector = BoxFinder()
    return changed


def test_a_forced_scale_of_one_is_the_bare_student(model):
    forced = tight(model)
    forced._chooser.test_scale = 1.
    data = prepared(model, page(WORDS), page([('owl', (12, 40))]))
    expected = forced.student.predict(*data)
    assert sum(len(one.pred_instances.texts) for one in expected) > 0
    results = forced.predict(*data)
    assert str(found(results)) == str(found(expected))
    assert [one.dld_scale for one in results] == [1., 1.]


def test_two_predictions_are_identical(model):
    data = prepared(model)
    changed = tight(model)
    first, second = (changed.predict(*copy.deepcopy(data)) for _ in range(2))
    assert str(found(first)) == str(found(second))
    assert [one.dld_scale for one in first] == [one.dld_scale for one in second]


def test_the_best_scale_wins_though_hardly_better(model):
    changed = copy.deepcopy(model)
    scores = torch.tensor([[0., 1e-3, 0.], [0., 0., 1e-3], [1e-3, 0., 0.]])
    changed.selector.forward = lambda *_: scores
    for _ in range(5):
        results = changed.predict(*prepared(model))
        assert [one.dld_scale for one in results] == [.5, .8, .3]


@pytest.mark.parametrize('indexes', [(0, 2, 1), (2, 2, 0), (1, 1, 1)])
def test_a_batch_is_its_images_one_by_one(model, indexes):
    """Of different sizes, at mixed scales, in their order."""
    images = [page(WORDS), page([('small', (2, 40))], size=(64, 100)),
              page([('owl', (12, 40))], size=(70, 120))]
    changed = tight(model)
    together = choose(changed, *indexes).predict(*prepared(model, *images))
    assert [one.dld_scale_index for one in together] == list(indexes)
    assert [one.ori_shape for one in together] == SIZES
    assert any(one.pred_instances.texts for one in together)
    for result, image, index in zip(together, images, indexes):
        alone = choose(changed, index).predict(*prepared(model, image))[0]
        assert result.pred_instances.texts == alone.pred_instances.texts
        for mine, other in zip(result.pred_instances.polygons, alone.pred_instances.polygons):
            np.testing.assert_allclose(mine, other, atol=1e-3)
        torch.testing.assert_close(result.pred_instances.text_scores,
                                   alone.pred_instances.text_scores, atol=1e-4, rtol=1e-4)


def test_scales_do_not_depend_on_neighbours(model):
    images = pages()
    together = model.predict(*prepared(model, *images))
    for result, image in zip(together, images):
        alone = model.predict(*prepared(model, image))[0]
        assert result.dld_scale == alone.dld_scale
        assert result.dld_scale_probs == pytest.approx(alone.dld_scale_probs, abs=1e-5)


@pytest.mark.parametrize('scale', [.3, .5, .8, 1.])
def test_forced_scales_give_original_coordinates(model, scale):
    """Looks at the pixels, of images that stand for larger ones."""
    boxes = [bright_box(20, 30, 120, 70, (96, 160), (.5, .25)),
             bright_box(10, 10, 70, 40, (64, 100)), bright_box(50, 20, 110, 50, (70, 120))]
    changed = finds_boxes(model)
    changed._chooser.test_scale = scale
    results = changed.predict(*prepared(model, *boxes))
    for result, (_, truth) in zip(results, boxes):
        expected = truth.gt_instances.polygons[0]
        pixel = 1 / scale / np.tile(truth.scale_factor, 4)
        error = np.abs(result.pred_instances.polygons[0] - expected) / pixel
        assert error.max() <= 1. if scale < 1 else error.max() < 1e-3


def test_mixed_scales_give_original_coordinates_in_order(model):
    boxes = [bright_box(20, 30, 120, 70, (96, 160)), bright_box(10, 10, 70, 40, (64, 100)),
             bright_box(50, 20, 110, 50, (70, 120)), bright_box(5, 5, 60, 60, (96, 160))]
    results = choose(finds_boxes(model), 2, 0, 1, 0).predict(*prepared(model, *boxes))
    for result, (_, truth) in zip(results, boxes):
        error = result.pred_instances.polygons[0] - truth.gt_instances.polygons[0]
        assert np.abs(error).max() <= 1 / .3


def test_metrics_take_the_predictions(model):
    """Ground truth is in original coordinates, whatever scale was chosen."""
    boxes = [bright_box(20, 30, 120, 70, (96, 160), (.5, .25)),
             bright_box(10, 10, 70, 40, (64, 100))]
    changed = choose(finds_boxes(model), 1, 2)
    changed.student._reader.read = lambda inputs, samples, words, size: [('box', [1.] * 3)] * 2
    metrics = E2ETextSpottingMetric(), ResolutionStatMetric(SCALES)
    results = [one.to_dict() for one in changed.predict(*prepared(model, *boxes))]
    values = {}
    for metric in metrics:
        metric.process(None, results)
        values |= metric.evaluate(2)
    assert next(value for name, value in values.items() if name.endswith('hmean')) == 1.
    assert values['resolution/mean_scale'] == pytest.approx(.65)
    assert values['resolution/hist_0.3'] == 0


def test_test_step_and_samples_without_truth(model):
    images = pages()
    for _, sample in images:
        del sample.gt_instances
    data = batch(*images)
    results = model.test_step(copy.deepcopy(data))
    assert len(results) == 3 and all('gt_instances' not in one for one in results)


def test_prediction_changes_nothing(model):
    before = state(model)
    inputs, samples = prepared(model)
    given = inputs.clone(), contents(samples)
    model.predict(inputs, samples)
    assert torch.equal(inputs, given[0]) and contents(samples) == given[1]
    assert same(before, model.state_dict())


@pytest.mark.parametrize('size', [(20, 31), (8, 8), (1, 1), (33, 40)])
def test_images_smaller_than_the_selectors_stride(model, size):
    results = choose(copy.deepcopy(model), 0).predict(*prepared(model, page([], size=size)))
    assert results[0].dld_scale == .3
    results = model.predict(*prepared(model, page([], size=size), page(WORDS)))
    assert len(results) == 2 and results[0].ori_shape == size


def test_the_limit_in_testing(model):
    limited = finds_boxes(dld(max_long_edge={'train': 1600, 'test': 40}))
    boxes = [bright_box(20, 30, 120, 70, (96, 160))]
    seen = []
    limited.student.detector.register_forward_pre_hook(
        lambda _, args: seen.append(args[0].shape))
    result = choose(limited.eval(), 2).predict(*prepared(limited, *boxes))[0]
    assert seen == [(1, 3, 32, 64)]  # 24x40, padded
    error = result.pred_instances.polygons[0] - boxes[0][1].gt_instances.polygons[0]
    assert np.abs(error).max() <= 4


def test_one_fixed_scale_is_a_low_resolution_student():
    fixed = finds_boxes(dld(selector=None, losses={}, scale_factors=[.5])).eval()
    box = bright_box(20, 30, 120, 70, (96, 160))
    result = fixed.predict(*prepared(fixed, box))[0]
    assert result.dld_scale == .5 and result.img_shape == (48, 80)
    assert 'dld_scale_index' not in result and 'dld_scale_probs' not in result


def test_without_a_teacher(model):
    """As exported: no teacher, no losses."""
    bare = dld(losses={}, max_long_edge={'train': None, 'test': None}).eval()
    bare.load_state_dict(model.state_dict(), strict=True)
    data = prepared(model)
    assert str(found(tight(bare).predict(*data))) == str(found(tight(model).predict(*data)))


def test_tensor_mode(model):
    inputs, samples = prepared(model, page(WORDS))
    with torch.no_grad():
        whole = model(inputs)
        forced = copy.deepcopy(model)
        forced._chooser.test_scale = .5
        half = forced(inputs)
        for one in samples:
            del one.gt_instances
        assert torch.equal(forced(inputs, samples), half)
    assert isinstance(whole, torch.Tensor)
    assert half.shape[-2:] == (64, 96)  # 48x80, padded
