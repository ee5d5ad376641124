"""DLD in ONNX Runtime: the selector's graph, its detector's, and what stands between them."""
import json

import cv2
import numpy as np
import pytest
import tiny_dld_detector
import tiny_export
import torch
from click.testing import CliRunner
from mmocr.apis.inferencers import TextDetInferencer

from mmocr_kd.apis.export import export_onnx, export_selector
from mmocr_kd.apis.read_config import read_config
from mmocr_kd.cli import main
from mmocr_kd.models.dld import Shrinker
from mmocr_kd.reader import OnnxFile, Selector
from mmocr_kd.reader.resizing import Prepared
from mmocr_kd.reader.selection import shrunk

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
SIZES = [(120, 200), (96, 250), (64, 64)]


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A DLD detector whose selector sees a smaller image; config and checkpoint."""
    model = tiny_dld_detector.dld_cfg(selector=tiny_dld_detector.selector_cfg(input_short_edge=48),
                                      price=.05)
    model['detector']['det_head']['postprocessor']['max_candidates'] = 60
    return tiny_export.write(tmp_path_factory.mktemp('dld'), 'dld', model, tiny_export.PHOTOS, 6.)


@pytest.fixture(scope='module')
def work(trained, tmp_path_factory):
    """A folder with both graphs and photos."""
    folder = tmp_path_factory.mktemp('work')
    for number, size in enumerate(SIZES):
        cv2.imwrite(str(folder / f'{number}.png'), tiny_export.photo(size, number))
    done = call('export', *trained, '--out', folder / 'det.onnx', '--with-selector', '--images',
                folder)
    assert done.exit_code == 0, done.output
    assert 'as PyTorch does' in done.output and 'det.selector.onnx' in done.output
    return folder


def test_finds_without_pytorch_what_the_model_finds(trained, work):
    code, lines, said = tiny_export.read('.', '--model', '.', '--json', cwd=work)
    assert code == 0 and len(lines) == len(SIZES), said
    inferencer = TextDetInferencer(*trained, 'cpu')
    for entry in map(json.loads, lines):
        theirs, = inferencer(str(work / entry['photo']), progress_bar=False)['predictions']
        found = [np.ravel(text['polygon']) for text in entry['texts']]
        assert len(found) == len(theirs['polygons']) > 0
        for polygon in theirs['polygons']:
            assert min(np.abs(one - polygon).max() for one in found) < .06  # they are rounded
    _, whole, _ = tiny_export.read('.', '--det', 'det.onnx', '--json', cwd=work)
    assert whole != lines  # some photo was seen smaller


@pytest.mark.parametrize('make, short_edge, predicts', [
    (tiny_dld_detector.selector_cfg, None, 'errors'),
    (tiny_dld_detector.selector_cfg, 48, 'errors'),
    (tiny_dld_detector.selector_cfg, 48, 'logits'),
    (tiny_dld_detector.backbone_selector_cfg, 48, 'errors')])
@torch.no_grad()
def test_chooses_as_pytorch_does_at_any_price(make, short_edge, predicts, tmp_path):
    torch.manual_seed(0)
    more = {} if predicts == 'errors' else dict(objective=None)
    cfg = tiny_dld_detector.dld_cfg(selector=make(input_short_edge=short_edge, predicts=predicts),
                                    **more)
    config, checkpoint = tiny_export.write(tmp_path, 'dld', cfg, tiny_export.PHOTOS, 6.)
    cfg = read_config(config, {})
    export = export_selector(cfg, checkpoint, export_onnx(cfg, checkpoint))
    export.save(tmp_path / 'selector.onnx')
    selector, chosen = Selector(OnnxFile(str(tmp_path / 'selector.onnx'))), set()
    for size in [(32, 32), (20, 31), (100, 230), (160, 96)]:
        image = torch.randn(1, 3, *size)
        seen = Prepared(image[0].numpy(), (1., 1.), 1., size)
        scores = export.model.selector(image)
        for price in (0., .01, .1, 1.):
            selector.rule['price'] = price
            index = int(export.model.selector.select(scores, price))
            chosen.add(index)
            assert selector.choose(seen) == export.model.selector.scale_factors[index]
    assert len(chosen) > 1 or predicts == 'logits'


@pytest.mark.parametrize('antialias', [False, True])
@pytest.mark.parametrize('scale, long_edge', [(1., None), (.5, None), (.37, None), (.9, 64)])
def test_shrinks_as_pytorch_does(scale, long_edge, antialias):
    size, canvas = (70, 101), (96, 128)
    image = torch.zeros(1, 3, *canvas)
    image[:, :, :size[0], :size[1]] = torch.randn(1, 3, *size)
    sample = tiny_dld_detector.sample(tiny_dld_detector.WORDS, size=size)
    sample.set_metainfo({'scale_factor': (.5, .4)})
    theirs = Shrinker(32, long_edge, antialias)(image, [sample], [scale])
    ours = shrunk(Prepared(image[0].numpy(), (.5, .4), 1., size), scale,
                  dict(max_long_edge=long_edge, antialias=antialias, divisor=32))
    np.testing.assert_allclose(ours.pixels, theirs.inputs[0].numpy(), atol=2e-5)
    assert ours.size == theirs.data_samples[0].img_shape
    assert ours.scale == pytest.approx(theirs.data_samples[0].scale_factor)


@pytest.mark.parametrize('options, words', [
    (['model.regions.below=9'], 'regions are looked at twice'),
    (['model.test_scale=.5'], 'no selector chooses here'),
    (['model.budget=.5', 'model.price=None'], 'which is empty: train with')])
def test_what_no_reader_could_follow_is_refused(trained, tmp_path, options, words):
    changes = [part for option in options for part in ('--cfg-options', option)]
    done = call('export', *trained, '--out', tmp_path / 'det.onnx', '--with-selector', *changes)
    assert done.exit_code == 1 and words in done.output, done.output
    assert not list(tmp_path.iterdir())


def test_a_selector_needs_its_detector(work):
    done = call('read', work, '--rec', work / 'det.onnx', '--selector', work / 'det.selector.onnx')
    assert done.exit_code == 2 and 'chooses for a detector: give --det' in done.output
    done = call('read', work, '--det', work / 'det.selector.onnx')
    assert done.exit_code == 1 and 'give it as --selector' in done.output
