"""A detector behind a resolution selector: what it predicts, keeps and refuses."""
import copy

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from mmocr.evaluation import HmeanIOUMetric
from mmocr.models.textdet.detectors.base import BaseTextDetector
from mmocr.registry import MODELS
from tiny import dbnet_cfg, sample
from tiny_dld_detector import (
    SCALES,
    choose,
    dld,
    dld_cfg,
    prepared,
    retina_cfg,
    selector_cfg,
    wide_and_narrow,
)

WHITE = [40, 30, 120, 30, 120, 70, 40, 70]


@pytest.fixture(scope='module')
def model():
    return dld().eval()


class _FindsWhite(torch.nn.Module):
    """A detector that finds the bright part of an image, exactly."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, inputs, data_samples, mode):
        assert mode == 'predict'
        self.seen.append(tuple(inputs.shape))
        for image, one in zip(inputs, data_samples):
            rows, columns = (image[0] > 1).nonzero().T
            left, top = columns.min().item(), rows.min().item()
            right, bottom = columns.max().item() + 1, rows.max().item() + 1
            polygon = np.array([left, top, right, top, right, bottom, left, bottom], np.float32)
            one.pred_instances = InstanceData(
                polygons=[polygon / np.tile(one.scale_factor, 4)], scores=torch.ones(1))
        return data_samples


def _white(size, shift=0, factor=1.):
    """A white box in an image that the pipeline enlarged; the truth in original pixels."""
    image = torch.zeros(3, *size, dtype=torch.uint8)
    x, y = WHITE[0] + shift, WHITE[1]
    image[:, y:y + 40, x:x + 80] = 255
    truth = (np.array(WHITE) + np.tile([shift, 0], 4)) / factor
    one = sample([truth], size=size)
    one.set_metainfo({'scale_factor': (factor, factor)})
    return image, one


def _whites(factor=1.):
    images, samples = zip(_white((96, 160), factor=factor), _white((128, 192), 24, factor),
                          _white((96, 160), 32, factor))
    return {'inputs': list(images), 'data_samples': list(samples)}


def _found(results):
    return [np.concatenate([np.ravel(p) for p in one.pred_instances.polygons] or [np.zeros(0)])
            for one in results]


def test_it_is_a_detector(model):
    assert isinstance(model, BaseTextDetector)
    assert isinstance(model.selector, MODELS.get('ResolutionSelector'))  # at its hook's path


def test_keys_are_the_detectors_and_the_selectors(model):
    plain = MODELS.build(dbnet_cfg()).state_dict()
    keys = set(model.state_dict())
    assert {key for key in keys if not key.startswith('selector.')} == set(plain)
    assert {'selector.conv1.weight', 'selector.fc.bias'} <= keys
    other = dld(seed=1)
    missing = other.load_state_dict(plain, strict=False)
    assert not missing.unexpected_keys
    assert all(key.startswith('selector.') for key in missing.missing_keys)
    torch.testing.assert_close(other.student.state_dict(), plain)
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other.selector.state_dict(), model.selector.state_dict(),
                               equal_nan=True)


@pytest.mark.parametrize('scale', [.25, .4, .5, .75, 1.])
@pytest.mark.parametrize('factor', [1., 1.25])
def test_polygons_are_those_of_the_original_image(model, scale, factor):
    stub = copy.deepcopy(model)
    stub.student, stub._chooser.test_scale = _FindsWhite(), scale
    data = _whites(factor)
    results = stub.test_step(copy.deepcopy(data))
    for polygon, one in zip(_found(results), data['data_samples']):
        assert np.abs(polygon - one.gt_instances.polygons[0]).max() <= 1 / scale
    assert [one.dld_scale for one in results] == [scale] * 3


def test_equal_sizes_go_together_and_order_is_kept(model, monkeypatch):
    stub = copy.deepcopy(model)
    stub.student = _FindsWhite()
    choose(stub, monkeypatch, 0, 1, 0)
    data = _whites()
    results = stub.test_step(copy.deepcopy(data))
    assert stub.student.seen == [(2, 3, 64, 96), (1, 3, 96, 160)]
    assert [one.dld_scale for one in results] == [.5, .75, .5]
    for polygon, one in zip(_found(results), data['data_samples']):
        assert np.abs(polygon - one.gt_instances.polygons[0]).max() <= 2


def test_what_was_chosen_is_written_down(model):
    inputs, samples = prepared(model, wide_and_narrow(), False)
    results = model.predict(inputs, samples)
    for one, errors in zip(results, model.expected_errors(inputs, samples)):
        best = (errors + torch.tensor(SCALES)**2).argmin()
        assert one.dld_scale_index == best and one.dld_scale == SCALES[best]
        assert one.dld_cost == pytest.approx(SCALES[best]**2)
        assert one.dld_errors == pytest.approx(errors.tolist())


def test_predictions_repeat(model):
    data = wide_and_narrow()
    first, second = (model.test_step(copy.deepcopy(data)) for _ in range(2))
    assert [one.dld_scale for one in first] == [one.dld_scale for one in second]
    for one, other in zip(_found(first), _found(second)):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize('cfg', [dbnet_cfg(), retina_cfg()], ids=lambda cfg: cfg['type'])
def test_mixed_scales_are_as_one_by_one(cfg, monkeypatch):
    model = dld(cfg).eval()
    data = wide_and_narrow()
    choose(model, monkeypatch, 0, 2)
    together = _found(model.test_step(copy.deepcopy(data)))
    alone = []
    for i, chosen in enumerate([0, 2]):
        choose(model, monkeypatch, chosen)
        one = {name: values[i:i + 1] for name, values in data.items()}
        alone += _found(model.test_step(copy.deepcopy(one)))
    assert any(map(len, alone))
    for one, other in zip(together, alone):
        np.testing.assert_allclose(one, other, atol=1e-2)


@pytest.mark.parametrize('cfg', [dbnet_cfg(), retina_cfg()], ids=lambda cfg: cfg['type'])
def test_full_scale_is_the_bare_detector(cfg):
    model = dld(cfg, test_scale=1.).eval()
    bare = MODELS.build(copy.deepcopy(cfg)).eval()
    bare.load_state_dict(model.student.state_dict())
    data = {name: values[:1] for name, values in wide_and_narrow().items()}
    (ours, ), (theirs, ) = (_found(m.test_step(copy.deepcopy(data))) for m in (model, bare))
    assert len(ours)
    np.testing.assert_array_equal(ours, theirs)


def test_annotations_stay_in_original_pixels(model):
    """Test pipelines load them after resizing; metrics compare them with what was found."""
    stub = copy.deepcopy(model)
    stub.student, stub._chooser.test_scale = _FindsWhite(), .5
    data = _whites(1.25)
    results = stub.test_step(copy.deepcopy(data))
    for one, before in zip(results, data['data_samples']):
        np.testing.assert_array_equal(one.gt_instances.polygons[0],
                                      before.gt_instances.polygons[0])
    metric = HmeanIOUMetric()
    metric.process(data, [one.to_dict() for one in results])
    assert metric.evaluate(size=3)['icdar/hmean'] == 1


def test_batches_are_left_alone(model):
    inputs, samples = prepared(model, wide_and_narrow(), False)
    before = copy.deepcopy(samples), inputs.clone()
    model.predict(inputs, samples)
    torch.testing.assert_close(inputs, before[1])
    assert all('pred_instances' not in one and 'dld_scale' not in one for one in samples)
    assert all(one.metainfo == other.metainfo for one, other in zip(samples, before[0]))


@pytest.mark.parametrize('size', [(20, 28), (31, 32), (3, 5), (1, 1)])
def test_images_smaller_than_the_stride(model, size):
    image = torch.full((3, *size), 100, dtype=torch.uint8)
    data = {'inputs': [image], 'data_samples': [sample([], size=size)]}
    result, = model.test_step(data)
    assert result.dld_scale in SCALES and len(result.pred_instances.polygons) >= 0


def test_one_scale_to_choose_from():
    model = dld(scales=[.5]).eval()
    results = model.test_step(wide_and_narrow())
    assert [(one.dld_scale, len(one.dld_errors)) for one in results] == [(.5, 1)] * 2


def test_fixed_scale_without_a_selector():
    model = dld(scale_factors=[.5]).eval()
    assert not any(key.startswith('selector') for key in model.state_dict())
    result, _ = model.test_step(wide_and_narrow())
    assert result.dld_scale == .5 and 'dld_errors' not in result


def test_long_edges_are_limited(model):
    stub = dld(max_long_edge={'test': 96}, test_scale=1.).eval()
    stub.student = _FindsWhite()
    stub.test_step(_whites())
    assert stub.student.seen == [(3, 3, 64, 96)]


@pytest.mark.parametrize('cfg', [dbnet_cfg(), retina_cfg()], ids=lambda cfg: cfg['type'])
def test_raw_output_and_features(cfg):
    model = dld(cfg, test_scale=.5).eval()
    images = torch.rand(1, 3, 64, 96)
    assert isinstance(model(images, mode='tensor'), (torch.Tensor, tuple))
    assert model.extract_feat(images) is not None


def test_without_scale_factor_nothing_leads_back(model):
    data = wide_and_narrow()
    data['data_samples'] = [sample([], size=one.img_shape) for one in data['data_samples']]
    for one in data['data_samples']:
        del one.scale_factor
    with pytest.raises(ValueError, match='scale_factor'):
        model.test_step(data)


@pytest.mark.parametrize(('fields', 'message'), [
    ({'objective': {'type': 'GumbelObjective'}}, "predicts='logits', this one"),
    ({'objective': {'type': 'ErrorObjective'}, 'selector': None, 'scale_factors': [.5]},
     'there is none'),
    ({'selector': None, 'objective': None}, 'give either a selector'),
    ({'selector': selector_cfg([.5, .3])}, 'must rise'),
    ({'selector': selector_cfg([.5, 1.5])}, r'\(0, 1\]'),
    ({'train_student': False, 'selector': None, 'objective': None, 'scale_factors': [.5]},
     'nothing is left to train'),
    ({'price': -1.}, 'price=-1'),
    ({'budget': '50 ms'}, 'full_ms'),
    ({'max_long_edge': {'val': 3}}, r"max_long_edge has \['val'\]"),
    ({'pad_divisor': 0}, 'pad_divisor=0'),
])
def test_contradictions(fields, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build({**dld_cfg(), **fields})
