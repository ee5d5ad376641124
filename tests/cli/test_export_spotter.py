"""Spotters as ONNX files: read without PyTorch as the spotter reads."""
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tiny_dld
import tiny_export
import tiny_mask_rcnn
import tiny_recog
import tiny_spotter
import torch
from click.testing import CliRunner

from mmocr_kd.apis.export import whole_spotter
from mmocr_kd.apis.export.check import Sides
from mmocr_kd.apis.export.graph import Network, described
from mmocr_kd.apis.read_config import read_config
from mmocr_kd.cli import main
from mmocr_kd.models.spotters import DetRecTextSpotter
from mmocr_kd.reader import Detector, OnnxFile, Reader, Recognizer, Selector
from mmocr_kd.reader.resizing import prepare

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
PHOTOS = {'0.png': ((120, 200), 0, 0), '1.png': ((96, 250), 1, 15), '2.png': ((210, 140), 2, -40)}
PAGES = [dict(type='LoadImageFromFile'),
         dict(type='Resize', scale=(256, 192), keep_ratio=True),
         dict(type='PackTextSpottingInputs', meta_keys=('img_path', 'ori_shape', 'img_shape',
                                                        'scale_factor'))]
SCALES = (.4, .6, 1.)
SELECTOR = tiny_dld.expecting_cfg(SCALES, input_short_edge=48)


def student(**fields):
    return tiny_spotter.spotter_cfg(detector=tiny_spotter.finder_cfg(), **fields)


def in_colour(**fields):
    """One whose recogniser reads colours."""
    recognizer = tiny_recog.crnn_cfg(low_res=False)
    recognizer['backbone']['in_channels'] = 3
    recognizer['data_preprocessor'] = dict(
        type='TextRecogDataPreprocessor', mean=[120., 110., 100.], std=[60., 50., 70.],
        bgr_to_rgb=True)
    return student(recognizer=recognizer, color_type='color', **fields)


def dld(spotter, **fields):
    return dict(type='DLDTextSpotter', student=spotter, **fields)


KINDS = {
    'chooses': lambda: dld(student(), selector=SELECTOR, price=.05),
    'full': lambda: dld(in_colour(crop_from='full'), selector=SELECTOR, price=.05, antialias=True),
    'fixed': lambda: dld(
        student(crop=dict(size=(32, 100), margin=.15, oversample=2, vertical_ratio=1.)),
        scale_factors=SCALES, test_scale=.6, max_long_edge=dict(test=120)),
    'plain': lambda: in_colour(
        data_preprocessor=dict(type='TextDetDataPreprocessor', pad_size_divisor=64))}


def page(size, seed, turn):
    """Words in colour on noise, turned."""
    image = tiny_export.photo(size, seed).astype(float) * np.array([.7, .9, 1.])
    matrix = cv2.getRotationMatrix2D((size[1] / 2, size[0] / 2), turn, .9)
    return cv2.warpAffine(image.astype(np.uint8), matrix, size[::-1], borderMode=cv2.BORDER_WRAP)


def written(folder, kind):
    """Config and checkpoint of a spotter that finds dark words, and reads them at random."""
    trained = tiny_export.write(folder, 'spotter', KINDS[kind](), PAGES, 6.)
    cfg = read_config(trained[0], dict(custom_imports=dict(imports=['tiny_spotter'])))
    cfg.dump(trained[0])
    model = whole_spotter(cfg, trained[1])
    tiny_spotter.focused(getattr(model, 'student', model).detector.det_head)
    torch.save({'meta': {}, 'state_dict': model.state_dict()}, trained[1])
    return trained


def by_mmocr(model, cfg, photo):
    """What the spotter says of a photo."""
    about = dict(task='detection', image=dict(channels='bgr'))
    packed = Sides(SimpleNamespace(about=about), None, cfg).packed(photo)  # as tests pack it
    with torch.no_grad():
        return model.test_step({key: [value] for key, value in packed.items()})[0]


def own_file(path):
    """A file of "mmocr-kd export", whatever is in it."""
    spec = onnx.helper.make_tensor_value_info('x', onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node('Identity', ['x'], ['y'])], 'g', [spec], [
        onnx.helper.make_tensor_value_info('y', onnx.TensorProto.FLOAT, [1])])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 17)],
                                   ir_version=8)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(described(model.SerializeToString(), dict(version=1)))


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photos')
    for name, drawn in PHOTOS.items():
        cv2.imwrite(str(folder / name), page(*drawn))
    return folder


@pytest.fixture(scope='module', params=KINDS)
def exported(request, photos, tmp_path_factory):
    """The spotter in PyTorch, its config, and the folder with its files."""
    folder = tmp_path_factory.mktemp(request.param)
    config, checkpoint = written(folder, request.param)
    own_file(folder / 'work/det.selector.onnx')  # of another export
    arguments = ['export', config, checkpoint, '--out', f'{folder}/work', '--images', str(photos)]
    if request.param == 'chooses':
        paths = os.pathsep.join(map(str, (tiny_export.ROOT, tiny_export.ROOT / 'tests')))
        done = subprocess.run([sys.executable, '-m', 'mmocr_kd', *arguments], timeout=600,
                              capture_output=True, text=True,
                              env={**os.environ, 'PYTHONPATH': paths, 'OMP_NUM_THREADS': '1'})
        assert done.returncode == 0 and 'read PHOTOS --model' in done.stdout, done.stderr
    else:
        done = call(*arguments)
        assert done.exit_code == 0 and ' as PyTorch does; the same ' in done.output, done.output
    cfg = read_config(config)
    return whole_spotter(cfg, checkpoint), cfg, folder / 'work'


def same(texts, theirs):
    """Whether both say the same, in the same order; how many texts."""
    found = theirs.pred_instances
    assert len(texts) == len(found)
    for text, polygon, read, *scores in zip(texts, found.polygons, found.texts, found.scores,
                                            found.text_scores):
        np.testing.assert_allclose(text.polygon.ravel(), polygon, atol=.01)
        assert text.text == read
        assert [text.score, text.text_score] == pytest.approx([one.item() for one in scores],
                                                              abs=1e-3)
    return len(texts)


def test_reads_without_pytorch_what_the_spotter_reads(exported, photos):
    model, cfg, work = exported
    code, lines, said = tiny_export.read('.', '--model', work, '--json', cwd=photos)
    assert code == 0, said
    texts, tilted = [], 0
    for entry in map(json.loads, lines):
        theirs = by_mmocr(model, cfg, cv2.imread(str(photos / entry['photo']))).pred_instances
        rows = [(np.reshape(polygon, (-1, 2)), text, float(score)) for polygon, text, score in zip(
            theirs.polygons, theirs.texts, theirs.text_scores)]
        assert len(entry['texts']) == len(rows)
        for one in entry['texts']:  # in reading order, rounded to a tenth
            polygon, text, score = min(rows, key=lambda row, corners=one['polygon']: np.abs(
                row[0] - corners).max())
            assert np.abs(polygon - one['polygon']).max() < .06
            assert (one['text'], one['text_score']) == (text, pytest.approx(score, abs=1e-3))
            along = polygon[1] - polygon[0]
            tilted += min(abs(along)) > .1 * max(abs(along))
            texts.append(text)
    assert tilted > 1 and len(texts) > 4 and len(set(texts)) > 2


def reader_of(work):
    selector = work / 'det.selector.onnx'
    chooser = Selector(OnnxFile(selector)) if selector.exists() else None
    return Reader(Detector(OnnxFile(work / 'det.onnx'), chooser),
                  Recognizer(OnnxFile(work / 'rec.onnx')))


@pytest.mark.parametrize('exported', ['chooses', 'full'], indirect=True)
@pytest.mark.parametrize('index', range(len(SCALES)))
def test_reads_alike_at_every_scale_that_may_be_chosen(exported, photos, index, monkeypatch):
    model, cfg, work = exported
    reader, found = reader_of(work), 0
    scores = torch.full((1, len(SCALES)), 9.).index_fill(1, torch.tensor(index), 0.)
    monkeypatch.setattr(model.selector, 'forward', lambda *_: scores)
    monkeypatch.setattr(reader.detector.selector, 'choose', lambda seen: SCALES[index])
    for path in photos.iterdir():
        photo = cv2.imread(str(path))
        theirs = by_mmocr(model, cfg, photo)
        assert theirs.dld_scale == SCALES[index]
        found += same(reader.spot(photo), theirs)
    assert found > 3


@pytest.mark.parametrize('exported', ['chooses', 'full'], indirect=True)
def test_chooses_the_scale_that_the_spotter_chooses(exported, photos, monkeypatch):
    model, cfg, work = exported
    reader, seen = reader_of(work), set()
    for price in (0., .02, .3, 30.):
        reader.detector.selector.rule['price'] = price
        monkeypatch.setattr(model._chooser, 'price', price)
        for path in photos.iterdir():
            photo = cv2.imread(str(path))
            scale = reader.detector.scale(prepare(photo, reader.detector.file.about['image']))
            assert scale == by_mmocr(model, cfg, photo).dld_scale
            seen.add(scale)
    assert len(seen) > 1


@pytest.mark.parametrize('exported', ['fixed', 'plain'], indirect=True)
def test_says_in_its_files_what_it_does_besides(exported):
    _, cfg, work = exported
    plain = cfg.model.type == 'DetRecTextSpotter'
    assert {path.name for path in work.iterdir()} == {'det.onnx', 'rec.onnx'}
    det, rec = (OnnxFile(work / f'{name}.onnx').about for name in ('det', 'rec'))
    assert det.get('shrink') == (None if plain else dict(
        scale=.6, max_long_edge=120, antialias=False, divisor=32))
    assert (det['version'], rec['version']) == (1 if plain else 2, 2)  # older readers cannot cut
    assert det['image']['divisor'] == (64 if plain else 32)
    assert rec['cut'] == dict(
        size=[32, 100], margin=0. if plain else .15, oversample='auto' if plain else 2,
        vertical_ratio=1.5 if plain else 1., crop_from='lr')


@pytest.mark.parametrize('exported', ['plain'], indirect=True)
def test_words_alone_are_stretched_to_crops(exported, photos):
    code, lines, _ = tiny_export.read('.', '--rec', exported[2] / 'rec.onnx', '--json', cwd=photos)
    assert code == 0 and all(set(json.loads(line)['texts'][0]) == {'text', 'text_score'}
                             for line in lines)


class TestRefusals:

    @pytest.fixture(scope='class')
    def trained(self, tmp_path_factory):
        return written(tmp_path_factory.mktemp('spotter'), 'fixed')

    @pytest.mark.parametrize('out, options, words', [
        ('det.onnx', [], 'a DetRecTextSpotter is no single graph: give a folder, --out FOLDER'),
        ('w', ['--with-selector'], 'are for --out FILE; '),
        ('w', ['--peer'], 'are for --out FILE; '),
        ('w', ['--half'], '--half is for --out FILE.pth'),
        ('w.engine', [], 'must end in .onnx or .pth, or be a folder'),
        ('w', ['--cfg-options', 'model.regions.below=9'], 'regions are looked at twice'),
        ('w', ['--cfg-options', 'model.student.recognizer.decoder.in_channels=8'], 'spotter.pth')])
    def test_says_why_and_writes_nothing(self, trained, tmp_path, out, options, words):
        done = call('export', *trained, '--out', tmp_path / out, *options)
        assert done.exit_code in (1, 2) and words in done.output, done.output
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize('out, wrapped', [('w', True), ('det.onnx', False)])
    def test_spotters_of_features_are_named(self, tmp_path, out, wrapped):
        model = tiny_mask_rcnn.spotter_cfg(tmp_path)
        model = dld(model, scale_factors=[.5]) if wrapped else model
        trained = tiny_export.write(tmp_path, 'spotter', model, PAGES)
        done = call('export', *trained, '--out', tmp_path / out)
        assert done.exit_code == 1 and not (tmp_path / out).exists()
        assert "a MaskRCNNTextSpotter reads words in its detector's feature maps" in done.output

    def test_a_detector_is_no_spotter(self, tmp_path):
        trained = tiny_export.write(tmp_path, 'det', student()['detector'], PAGES)
        done = call('export', *trained, '--out', tmp_path / 'w')
        assert done.exit_code == 1 and 'a DBNet is no spotter' in done.output

    def test_what_others_wrote_stays(self, trained, tmp_path):
        (tmp_path / 'rec.onnx').write_bytes(b'mine')
        done = call('export', *trained, '--out', tmp_path)
        assert done.exit_code == 1 and 'was not written by "mmocr-kd export"' in done.output
        assert [path.name for path in tmp_path.iterdir()] == ['rec.onnx']

    @pytest.mark.parametrize('part, words', [
        ('detector', 'det.onnx was not written'), ('recognizer', 'rec.onnx was not written'),
        ('cut', 'is read as')])
    def test_files_that_read_otherwise_are_not_written(self, trained, photos, tmp_path,
                                                       monkeypatch, part, words):
        if part == 'cut':
            rule = DetRecTextSpotter.cut_rule
            monkeypatch.setattr(DetRecTextSpotter, 'cut_rule', lambda self: {
                **rule(self), 'margin': .6})
        else:
            self._tamper(monkeypatch, {'detector': 'det_head', 'recognizer': 'decoder'}[part])
        done = call('export', *trained, '--out', tmp_path / 'w', '--images', photos)
        assert done.exit_code == 1 and words in done.output, done.output
        assert not (tmp_path / 'w').exists()

    def _tamper(self, monkeypatch, part):
        """Graphs get other weights than the model that they are compared with."""
        start = Network.__init__

        def tampered(self, model, about):
            start(self, model, about)
            with torch.no_grad():
                for weights in getattr(model, part, torch.nn.Module()).parameters():
                    weights.mul_(1.1).add_(.01)

        monkeypatch.setattr(Network, '__init__', tampered)
