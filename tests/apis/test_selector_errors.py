"""What selectors say of rated images, without their spotter."""
import copy

import numpy as np
import pytest
import tiny_dld_detector
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from tiny_ratings import batches_of, config

from mmocr_kd.apis.rate_scales import prepare_rating
from mmocr_kd.apis.selector_errors import prepare_selectors
from mmocr_kd.measure import ScaleRatings, product_macs

SCALES = [.5, 1.]


@pytest.fixture
def rated(tmp_path):
    cfg, weights = config(tmp_path)
    for split in ('val', 'train'):
        list(prepare_rating(cfg, weights, tmp_path / f'{split}.jsonl', split, [.5]).run())
    return cfg, [ScaleRatings.load(tmp_path / f'{split}.jsonl') for split in ('val', 'train')]


def choosing(cfg, folder, seeds, scales=SCALES, **fields):
    """The same config with a selector before the detector, and checkpoints of it."""
    selector = tiny_dld_detector.selector_cfg(scales, **{'predicts': 'errors', **fields})
    model = dict(type='DLDTextDetector', detector=cfg.model, selector=selector)
    if not scales:
        model.update(selector=None, scale_factors=[1.])
    Config({**cfg.to_dict(), 'model': model}).dump(folder / 'dld.py')
    changed, paths = Config.fromfile(folder / 'dld.py'), []
    for seed in seeds:
        torch.manual_seed(seed)
        paths.append(str(folder / f'{seed}.pth'))
        torch.save({'state_dict': MODELS.build(changed.model).state_dict()}, paths[-1])
    return changed, paths


@pytest.mark.parametrize('predicts', ['errors', 'logits'])
def test_they_say_what_their_models_choose_by(rated, tmp_path, predicts):
    cfg, ratings = rated
    cfg, paths = choosing(cfg, tmp_path, (0, 1), predicts=predicts)
    found = []
    asked = prepare_selectors(cfg, paths, ratings)
    assert [*asked.run(found)] == [*ratings[0].index, *ratings[1].index] and len(asked) == 7
    assert [one.name for one in found] == paths and {one.kind for one in found} == {'dld'}
    for one, path in zip(found, paths):
        model = asked.models[path]
        with torch.no_grad():
            tests = [model.test_step(copy.deepcopy(batch))[0] for batch in batches_of(cfg, 'val')]
        if predicts == 'errors':
            np.testing.assert_allclose(one.errors, [test.dld_errors for test in tests], rtol=1e-4)
        else:
            logits = torch.tensor([test.dld_scale_probs for test in tests]).log()
            np.testing.assert_allclose(torch.tensor(-one.errors).log_softmax(1), logits, rtol=1e-4)
        assert one.tuning.shape == (4, 2) and one.has_prices == (predicts == 'errors')
        macs = product_macs(lambda model=model: model.selector(torch.zeros(1, 3, 64, 96)))
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
