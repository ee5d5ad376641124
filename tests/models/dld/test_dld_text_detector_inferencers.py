"""MMOCR's own inferencers, with a detector that chooses its resolution."""
import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.apis.inferencers import MMOCRInferencer, TextDetInferencer
from mmocr.registry import MODELS
from tiny import dbnet_cfg
from tiny_dld_detector import dld_cfg
from tiny_recog import crnn_cfg

SIZES = (100, 150), (140, 260)


pytestmark = pytest.mark.usefixtures('mmocr_scope_afterwards')


def _config(path, model, steps, pack='PackTextDetInputs', **meta):
    pipeline = [{'type': 'LoadImageFromFile'}, *steps, {'type': pack, **meta}]
    cfg = Config({
        'default_scope': 'mmocr', 'model': model,
        'custom_imports': {'imports': ['mmocr_kd'], 'allow_failed_imports': False},
        'test_dataloader': {'dataset': {'pipeline': pipeline}},
        'visualizer': {'type': pack.removeprefix('Pack').replace('Inputs', 'LocalVisualizer'),
                       'name': path.stem}})
    cfg.dump(path)
    torch.manual_seed(0)
    torch.save({'meta': {'dataset_meta': {}}, 'state_dict': MODELS.build(model).state_dict()},
               path.with_suffix('.pth'))
    return str(path), str(path.with_suffix('.pth'))


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """Config and weights of a detector with and one without selector, and of a recogniser."""
    folder = tmp_path_factory.mktemp('models')
    steps = [{'type': 'Resize', 'scale': (200, 160), 'keep_ratio': True},
             {'type': 'LoadOCRAnnotations', 'with_polygon': True}]
    meta = {'meta_keys': ('img_path', 'ori_shape', 'img_shape', 'scale_factor')}
    words = [{'type': 'RescaleToHeight', 'height': 32, 'max_width': 100},
             {'type': 'PadToWidth', 'width': 100}]
    selective = dld_cfg(scales=[.4, .6, .8])
    return {
        'plain': _config(folder / 'plain.py', dbnet_cfg(), steps, **meta),
        'selective': _config(folder / 'selective.py', selective, steps, **meta),
        'words': _config(folder / 'words.py', _coloured(), words, 'PackTextRecogInputs',
                         meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio'))}


def _coloured():
    cfg = crnn_cfg(low_res=False)
    cfg['backbone']['in_channels'] = 3
    cfg['data_preprocessor'] = {'type': 'TextRecogDataPreprocessor', 'mean': [127.] * 3,
                                'std': [127.] * 3}
    return cfg


@pytest.fixture(scope='module')
def images():
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in SIZES]
    for picture in pictures:
        cv2.putText(picture, 'hotel', (10, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, ) * 3, 3)
    return pictures


@pytest.mark.parametrize('batch_size', [1, 2])
def test_detection(files, images, batch_size):
    inferencer = TextDetInferencer(*files['selective'], device='cpu')
    results = inferencer(images, batch_size=batch_size, return_datasamples=True,
                         progress_bar=False)['predictions']
    assert all(one.dld_scale in (.4, .6, .8) and len(one.dld_errors) == 3 for one in results)
    for one, (height, width) in zip(results, SIZES):
        polygons = np.array([p for p in one.pred_instances.polygons]).reshape(-1, 2)
        assert len(polygons)  # all over the original; DB grows what it found, beyond the edges
        assert (polygons.max(0) > .7 * np.array([width, height])).all()
        center = (polygons.max(0) + polygons.min(0)) / 2
        assert (np.abs(center / [width, height] - .5) < .25).all()


def test_detection_and_reading(files, images, tmp_path):
    inferencer = MMOCRInferencer(*files['selective'], *files['words'], device='cpu')
    paths = []
    for i, image in enumerate(images):
        paths.append(str(tmp_path / f'{i}.png'))
        cv2.imwrite(paths[-1], image)
    results = inferencer(paths, batch_size=2, out_dir=str(tmp_path / 'out'), save_vis=True,
                         save_pred=True)['predictions']
    assert len(results) == 2
    for i, one in enumerate(results):
        assert len(one['det_polygons']) == len(one['rec_texts']) == len(one['rec_scores']) > 0
        assert (tmp_path / f'out/vis/{i}.jpg').exists() or (tmp_path / f'out/vis/{i}.png').exists()
        assert (tmp_path / f'out/preds/{i}.json').exists()


def test_full_scale_finds_what_the_plain_detector_finds(files, images):
    """Its checkpoint is the plain detector's with a selector on top."""
    plain = TextDetInferencer(*files['plain'], device='cpu')
    config = Config.fromfile(files['selective'][0])
    config.model.test_scale = 1.
    ours = TextDetInferencer(config, files['plain'][1], device='cpu')
    for one, other in zip(*(m(images, progress_bar=False)['predictions'] for m in (ours, plain))):
        assert len(one['polygons'])
        np.testing.assert_allclose(one['polygons'], other['polygons'])
        np.testing.assert_allclose(one['scores'], other['scores'])
