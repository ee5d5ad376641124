"""What selectors say of rated images, without their spotter."""
import copy

import numpy as np
import pytest
import test_rate_scales
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from torch import nn

from mmocr_kd.apis.rate_scales import prepare_rating
from mmocr_kd.apis.selector_errors import prepare_selectors
from mmocr_kd.measure import ScaleRatings, product_macs

SCALES = [.5, 1.]


@MODELS.register_module()
class LooksAtImages(nn.Module):
    """A model of DLD without a student: what is asked for is the selector alone."""

    def __init__(self, selector, data_preprocessor):
        super().__init__()
        self.data_preprocessor = MODELS.build(data_preprocessor)
        self.selector = None if selector is None else MODELS.build(selector)

    @property
    def spotter(self):
        return self

    def normalized(self, inputs, data_samples):
        return inputs

    def expected_errors(self, inputs, data_samples):
        assert self.selector.predicts == 'errors' and not self.training
        return self.selector(inputs, data_samples)


@pytest.fixture
def rated(tmp_path):
    cfg, weights = test_rate_scales.config(tmp_path)
    for split in ('val', 'train'):
        list(prepare_rating(cfg, weights, tmp_path / f'{split}.jsonl', split, [.5]).run())
    return cfg, [ScaleRatings.load(tmp_path / f'{split}.jsonl') for split in ('val', 'train')]


def choosing(cfg, folder, seeds, scales=SCALES, **fields):
    """The same config with another model, and checkpoints of it."""
    selector = dict(type='ResolutionSelector', scale_factors=scales, base_channels=16,
                    **{'predicts': 'errors', **fields})
    model = dict(type='LooksAtImages', selector=selector if scales else None,
                 data_preprocessor=cfg.model.data_preprocessor)
    Config({**cfg.to_dict(), 'model': model}).dump(folder / 'dld.py')
    changed = Config.fromfile(folder / 'dld.py')
    paths = []
    for seed in seeds:
        torch.manual_seed(seed)
        built = MODELS.build(copy.deepcopy(model))
        paths.append(str(folder / f'{seed}.pth'))
        torch.save({'state_dict': built.state_dict()}, paths[-1])
    return changed, paths


@pytest.mark.parametrize('predicts', ['errors', 'logits'])
def test_they_say_what_their_models_say(rated, tmp_path, predicts):
    cfg, ratings = rated
    cfg, paths = choosing(cfg, tmp_path, (0, 1), predicts=predicts)
    found = []
    asked = prepare_selectors(cfg, paths, ratings)
    assert [*asked.run(found)] == [*ratings[0].index, *ratings[1].index] and len(asked) == 7
    assert [one.name for one in found] == paths and {one.kind for one in found} == {'dld'}
    for one, path in zip(found, paths):
        model = asked.models[path]
        images = torch.stack(test_rate_scales.images_of(cfg, 'val')).float()
        inputs = (images[:, [2, 1, 0]] - model.data_preprocessor.mean) / model.data_preprocessor.std
        with torch.no_grad():
            said = model.selector(inputs).numpy() * (1 if predicts == 'errors' else -1)
        np.testing.assert_allclose(one.errors, said, rtol=1e-4, atol=1e-5)
        assert one.tuning.shape == (4, 2) and one.has_prices == (predicts == 'errors')
        macs = product_macs(lambda model=model, inputs=inputs: model.selector(inputs[:1]))
        assert one.cost == pytest.approx(macs / ratings[0].header.macs[-1]) and one.ms > 0
    assert (found[0].errors != found[1].errors).any()


def test_without_validation_there_is_nothing_to_tune_on(rated, tmp_path):
    cfg, paths = choosing(rated[0], tmp_path, (0, ))
    found = []
    list(prepare_selectors(cfg, paths, rated[1][:1]).run(found))
    assert found[0].tuning is None and found[0].errors.shape == (3, 2)


def test_what_does_not_fit_is_said(rated, tmp_path):
    cfg, ratings = rated
    for scales, says in [([.75, 1.], r'has a selector of scales \[0.75, 1.0\], rated are \[0.5'),
                         (None, 'has no selector')]:
        other, paths = choosing(cfg, tmp_path, (0, ), scales)
        with pytest.raises(ValueError, match=says):
            prepare_selectors(other, paths, ratings)
    other, paths = choosing(cfg, tmp_path, (0, ))
    other.val_dataloader.dataset.indices = 1
    with pytest.raises(ValueError, match='2 of 3 rated images are not in the val data'):
        prepare_selectors(other, paths, ratings)
