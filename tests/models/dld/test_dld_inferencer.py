"""MMOCR's own inferencer, with a spotter that chooses its resolution."""
import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.apis.inferencers import TextSpotInferencer
from mmocr.registry import MODELS
from tiny_dld import dld_cfg, student_cfg

SIZES = (100, 150), (140, 260)
SCALES = (.3, .4, .5, .6, .7, .8)


pytestmark = pytest.mark.usefixtures('mmocr_scope_afterwards')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Configs and weights: of DLD as it was trained, and of its plain student."""
    path = tmp_path_factory.mktemp('models')
    teacher = {'config': 'not-here.py', 'checkpoint': 'not-here.pth'}
    trained = dld_cfg(teacher=teacher)
    trained['selector']['scale_factors'] = SCALES
    _write(path / 'my_dld.py', trained)
    _write(path / 'my_spotter.py', student_cfg())
    torch.manual_seed(0)
    weights = MODELS.build(trained).state_dict()
    torch.save({'meta': {'dataset_meta': {}}, 'state_dict': weights}, path / 'weights.pth')
    return path


def _write(path, model):
    steps = [{'type': 'LoadImageFromFile'},
             {'type': 'Resize', 'scale': (200, 160), 'keep_ratio': True},
             {'type': 'LoadOCRAnnotations', 'with_polygon': True, 'with_text': True},
             {'type': 'PackTextDetInputs',
              'meta_keys': ('img_path', 'ori_shape', 'img_shape', 'scale_factor')}]
    Config({'default_scope': 'mmocr', 'model': model,
            'custom_imports': {'imports': ['mmocr_kd'], 'allow_failed_imports': False},
            'test_dataloader': {'dataset': {'pipeline': steps}},
            'visualizer': {'type': 'TextSpottingLocalVisualizer', 'name': path.stem}}).dump(path)


def spot(folder, name='my_dld.py', **fields):
    cfg = Config.fromfile(folder / name)
    cfg.model.update(fields)
    return TextSpotInferencer(cfg, weights=str(folder / 'weights.pth'), device='cpu')


@pytest.fixture(scope='module')
def images():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]
    for picture in pictures:
        cv2.putText(picture, 'hotel', (10, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, ) * 3, 3)
    return pictures


def test_spots_and_tells_at_which_scale(folder, images):
    """Config and checkpoint of a training, whose teacher is elsewhere by now."""
    spotter = TextSpotInferencer(str(folder / 'my_dld.py'), str(folder / 'weights.pth'), 'cpu')
    results = spotter(images, return_datasamples=True, progress_bar=False)['predictions']
    for one, (height, width) in zip(results, SIZES, strict=True):
        assert one.dld_scale in SCALES and len(one.dld_scale_probs) == len(SCALES)
        found = one.pred_instances
        assert len(found.polygons) == len(found.texts) == len(found.scores) > 0
        points = np.concatenate(found.polygons).reshape(-1, 2)
        assert (points.max(0) > .7 * np.array([width, height])).all()  # all over the original


def test_batches_change_nothing(folder, images):
    alone, together = (
        spot(folder)(images, batch_size=size, progress_bar=False)['predictions']
        for size in (1, 2))
    for one, other in zip(alone, together, strict=True):
        assert one['texts'] == other['texts']
        np.testing.assert_allclose(one['polygons'], other['polygons'], atol=1e-3)


def test_full_scale_reads_what_the_plain_spotter_reads(folder, images):
    """The checkpoint is the plain student's with a selector on top."""
    ours, plain = (model(images, progress_bar=False)['predictions'] for model in (
        spot(folder, test_scale=1.), spot(folder, 'my_spotter.py')))
    for one, other in zip(ours, plain, strict=True):
        assert one['texts'] == other['texts'] and len(one['texts'])
        np.testing.assert_allclose(one['polygons'], other['polygons'])


def test_writes_pictures_and_predictions(folder, images, tmp_path):
    cv2.imwrite(str(tmp_path / 'page.png'), images[0])
    spot(folder)(str(tmp_path / 'page.png'), out_dir=str(tmp_path), save_vis=True, save_pred=True,
                 progress_bar=False)
    (drawn, ) = tmp_path.glob('vis/page.*')
    assert cv2.imread(str(drawn)) is not None
    saved = json.loads((tmp_path / 'preds/page.json').read_text())
    assert len(saved['texts']) == len(saved['polygons']) > 0
