"""Exported models in 8 bits, and models side by side."""
import csv
import json
import re

import cv2
import numpy as np
import pytest
import tiny
import tiny_export
import tiny_recog
from click.testing import CliRunner

from mmocr_kd.apis.bench import Row, scatter, score_of, short_names
from mmocr_kd.cli import main
from mmocr_kd.datasets.label_files import LabelledPhoto, Text
from mmocr_kd.reader import Detector, OnnxFile
from mmocr_kd.reader.photos import load
from mmocr_kd.reader.resizing import prepare

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """A folder with a detector, a recogniser, and photos."""
    folder = tmp_path_factory.mktemp('work')
    detector = tiny.dbnet_cfg()
    detector['det_head']['postprocessor']['max_candidates'] = 60  # of noise it finds hundreds
    for name, model, pipeline in (('det', detector, tiny_export.PHOTOS),
                                  ('rec', tiny_recog.crnn_cfg(), tiny_export.WORDS)):
        config, checkpoint = tiny_export.write(folder, name, model, pipeline, lively=4.)
        assert call('export', config, checkpoint, '--out', folder / f'{name}.onnx').exit_code == 0
    (folder / 'photos').mkdir()
    for seed in range(4):
        cv2.imwrite(str(folder / f'photos/{seed}.png'), tiny_export.photo(seed=seed))
    return folder


def in_8_bits(work, name='det', *options):
    return call('quantize', work / f'{name}.onnx', '--images', work / 'photos', '--out',
                work / f'{name}8.onnx', '--calibrate', 2, '--tolerance', 1, *options)


@pytest.mark.parametrize('name', ['det', 'rec'])
def test_8_bits_are_smaller_and_nearly_the_same(work, name):
    done = in_8_bits(work, name)
    assert done.exit_code == 0, done.output
    found = re.search(r'([\d.]+) MB instead of ([\d.]+) MB', done.output)
    after, before = map(float, found.groups())
    assert after < before  # the more the larger it is: of these graphs much is no weight
    whole, small = (OnnxFile(work / f'{name}{bits}.onnx') for bits in ('', 8))
    assert small.about == {**whole.about, 'bits': 8}
    photo = load(str(work / 'photos/0.png'))
    one, other = (file(prepare(photo, file.about['image']).pixels[None], np.ones(1))
                  for file in (whole, small))
    assert one.shape == other.shape and 0 < np.abs(one - other).mean() < .1


def test_differences_are_of_photos_that_it_was_not_calibrated_on(work):
    said = in_8_bits(work).output
    mean = float(re.search(r'differ by ([\d.]+) on average', said).group(1))
    assert 'on 2 photos' in said
    files = OnnxFile(work / 'det.onnx'), OnnxFile(work / 'det8.onnx')
    apart = []
    for index in (1, 2):  # the first and the last were calibrated on
        seen = prepare(load(str(work / f'photos/{index}.png')), files[0].about['image'])
        one, other = (file(seen.pixels[None], np.ones(1)) for file in files)
        apart.append(np.abs(one - other).mean())
    assert mean == pytest.approx(np.mean(apart), abs=6e-5)
    assert 'No photo was left' in in_8_bits(work, 'det', '--compare', 0).output


def test_ranges_are_the_mean_of_those_of_photos(work):
    """By the first one, of the input: no unusual photo decides alone."""
    assert in_8_bits(work, 'det', '--calibrate', 4).exit_code == 0
    graph = onnx.load(work / 'det8.onnx').graph
    scale, = (onnx.numpy_helper.to_array(one) for one in graph.initializer
              if one.name == 'images_scale')
    about = OnnxFile(work / 'det.onnx').about['image']
    seen = [prepare(load(str(path)), about).pixels for path in (work / 'photos').iterdir()]
    low, high = (np.mean([edge(pixels) for pixels in seen]) for edge in (np.min, np.max))
    assert scale == pytest.approx((high - low) / 255, rel=1e-4)
    assert scale < .999 * (np.max(seen) - np.min(seen)) / 255


def test_too_different_is_an_error(work):
    done = in_8_bits(work, 'det', '--tolerance', 0)
    assert done.exit_code == 1 and 'above --tolerance 0' in done.output


def test_what_cannot_be_quantized_is_named(work, tmp_path):
    in_8_bits(work)
    out = tmp_path / 'x.onnx'
    assert 'in 8 bits already' in call('quantize', work / 'det8.onnx', '--images', work / 'photos',
                                       '--out', out).output
    (tmp_path / 'broken.png').write_bytes(b'no image')
    assert 'broken.png' in call('quantize', work / 'det.onnx', '--images', tmp_path / 'broken.png',
                                '--out', out).output
    assert not out.exists()


def test_the_same_model_in_two_engines_is_as_good(work):
    pytorch = f'{work}/det.py:{work}/det.pth'
    done = call('bench', work / 'det.onnx', pytorch, '--images', work / 'photos', '--num', 2,
                '--rounds', 2, '--csv', work / 'bench.csv', '--plot', work / 'bench.png')
    assert done.exit_code == 0, done.output
    with open(work / 'bench.csv') as file:
        onnx, torch = csv.DictReader(file)
    assert float(onnx['score']) == float(torch['score']) == 1.
    for row in (onnx, torch):
        assert 0 < float(row['p50_ms']) <= float(row['p95_ms']) and float(row['memory_mb']) >= 0
    assert float(onnx['megabytes']) == pytest.approx((work / 'det.onnx').stat().st_size / 1e6)
    assert 'agreement with' in done.output and 'det.py:det.pth' in done.output
    assert (work / 'bench.png').stat().st_size > 1000


def test_words_against_labels(work):
    words = {}
    for index, word in enumerate(('one', 'two')):
        cv2.imwrite(str(work / f'{word}.png'), tiny_export.photo((32, 100), index, [word]))
        words[word] = OnnxFile(work / 'rec.onnx')
    from mmocr_kd.reader import Recognizer
    read = Recognizer(OnnxFile(work / 'rec.onnx'))([load(str(work / 'one.png'))])[0][0]
    (work / 'labels.json').write_text(json.dumps(dict(data_list=[
        dict(img_path='elsewhere/one.png', instances=[dict(text=read)]),
        dict(img_path='elsewhere/two.png', instances=[dict(text='never read')])])))
    done = call('bench', work / 'rec.onnx', '--images', work / 'one.png', '--images',
                work / 'two.png', '--labels', work / 'labels.json', '--rounds', 1)
    assert done.exit_code == 0, done.output
    assert done.output.rstrip().endswith('0.500')


def test_scores_are_those_of_the_metric():
    box = [10., 10., 50., 10., 50., 30., 10., 30.]
    other = np.reshape(box, (-1, 2)) + [0, 40]
    labels = [LabelledPhoto('a', None, [Text(box), Text(other.flatten().tolist(), None, True)])]
    found = [np.reshape(box, (-1, 2)), other, other + [100, 0]], [.9, .9, .4]
    assert score_of('detection', ['a'], {'a': found}, labels) == 1.  # the third one is less sure
    assert score_of('detection', ['a'], {'a': ([], [])}, labels) == 0.
    words = [LabelledPhoto(name, None, [Text([], 'Exit')]) for name in 'ab']
    assert score_of('recognition', 'ab', {'a': ('EXIT!', .5), 'b': ('exi', .9)}, words) == .5


def test_models_that_cannot_be_measured_are_named(work):
    for models, message in ((['none'], 'is none of FILE.onnx'),
                            ([work / 'gone.onnx'], 'gone.onnx'),
                            ([f'{work}/gone.py:{work}/det.pth'], 'gone.py'),
                            ([work / 'det.onnx', work / 'rec.onnx'], 'measure them by themselves')):
        done = call('bench', *models, '--images', work / 'photos', '--rounds', 1)
        assert done.exit_code == 1 and message in done.output, done.output


def test_rapidocr_finds_and_reads():
    pytest.importorskip('rapidocr')
    from mmocr_kd.apis.bench_models import Contestant
    page = np.full((200, 300, 3), 255, np.uint8)
    cv2.putText(page, 'EXIT', (60, 120), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 5)
    (polygon, ), (score, ) = Contestant('rapidocr', 1)(page)
    assert score > .5 and polygon[:, 0].min() < 80 and polygon[:, 0].max() > 180
    text, sure = Contestant('rapidocr', 1, 'recognition')(page[60:140, 50:230])
    assert text == 'EXIT' and sure > .5
    empty = Contestant('rapidocr', 1)(np.full((64, 64, 3), 255, np.uint8))
    assert [list(part) for part in empty] == [[], []]


def test_openvino_answers_alike(work):
    pytest.importorskip('openvino')
    from mmocr_kd.apis.bench_models import Contestant
    photo = load(str(work / 'photos/0.png'))
    theirs, ours = Contestant(f'openvino:{work}/det.onnx', 1)(photo), Detector(
        OnnxFile(work / 'det.onnx'))(photo)
    assert len(theirs[0]) == len(ours[0]) > 0
    np.testing.assert_allclose(theirs[1], ours[1], atol=1e-3)


def test_short_names_stay_different():
    rows = [Row(model, 1, 1., 1., 1., 1., 1.) for model in ('a/x.onnx', 'openvino:a/x.onnx',
                                                            'c/d.py:e/f.pth')]
    assert short_names(rows) == ['x.onnx', 'openvino:x.onnx', 'd.py:f.pth']
    rows.append(Row('b/x.onnx', 1, 1., 1., 1., 1., 1.))
    assert short_names(rows) == [row.model for row in rows]


@pytest.mark.parametrize('models', [2, 6, 15])
def test_names_in_the_picture_do_not_overlap(models):
    pytest.importorskip('matplotlib')
    names = [f'{"compile:" * (n % 2)}a_config_with_a_long_name_{n}.py:epoch_100.pth'
             for n in range(models)]
    figure = scatter([Row(name, 1, 5. + n, 20. + n / 9, 30., 9., .5)
                      for n, name in enumerate(names)], 'hmean')
    figure.draw_without_rendering()
    legend, = figure.legends
    assert [text.get_text().split(',')[0] for text in legend.get_texts()] == names
    plot = figure.axes[0].get_tightbbox()
    boxes = [text.get_window_extent() for text in legend.get_texts()]
    assert not any(box.overlaps(other) for n, box in enumerate(boxes)
                   for other in [plot, *boxes[:n]])
    assert all(figure.bbox.count_contains(box.corners()) == 4 for box in boxes)
