"""Students are exported, and photos read without MMOCR and PyTorch; texts are MMOCR's."""
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny
import tiny_export
import tiny_recog
from click.testing import CliRunner
from mmocr.apis.inferencers import TextDetInferencer, TextRecInferencer
from PIL import Image
from tiny_export import read

from mmocr_kd.cli import main
from mmocr_kd.reader import Detector, OnnxFile, Reader, Recognizer
from mmocr_kd.reader.photos import load
from mmocr_kd.reader.reader import word_of

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope='module')
def work(tmp_path_factory):
    """A folder with a detector, a recogniser, and photos."""
    folder = tmp_path_factory.mktemp('work')
    detector = tiny.dbnet_cfg()
    detector['det_head']['postprocessor']['max_candidates'] = 80  # of noise it finds hundreds
    for name, model, pipeline in (('det', detector, tiny_export.PHOTOS),
                                  ('rec', tiny_recog.crnn_cfg(), tiny_export.WORDS)):
        config, checkpoint = tiny_export.write(folder, name, model, pipeline, lively=6.)
        done = call('export', config, checkpoint, '--out', folder / f'{name}.onnx')
        assert done.exit_code == 0, done.output
        assert f'read PHOTOS --{name} ' in done.output
    (folder / 'photos').mkdir()
    for seed in range(3):
        cv2.imwrite(str(folder / f'photos/{seed}.png'), tiny_export.photo(seed=seed))
    return folder


def test_finds_and_reads_what_mmocr_does(work):
    code, lines, _ = read('photos', '--model', '.', '--json', cwd=work)
    assert code == 0 and len(lines) == 3
    detect = TextDetInferencer(str(work / 'det.py'), str(work / 'det.pth'), 'cpu')
    recognise = TextRecInferencer(str(work / 'rec.py'), str(work / 'rec.pth'), 'cpu')
    reader = Reader(Detector(OnnxFile(work / 'det.onnx')), Recognizer(OnnxFile(work / 'rec.onnx')))
    word, texts = work / 'word.png', set()
    for entry in map(json.loads, lines):
        photo = load(str(work / entry['photo']))
        found = reader(photo)
        assert [text.to_json() for text in found] == entry['texts'] != []
        theirs, = detect(str(work / entry['photo']), progress_bar=False)['predictions']
        assert len(theirs['polygons']) == len(found)
        for text in found:
            same, = [score for polygon, score in zip(theirs['polygons'], theirs['scores'])
                     if np.abs(text.polygon.ravel() - polygon).max() < .01]
            assert text.score == pytest.approx(same, abs=1e-3)
            cv2.imwrite(str(word), word_of(photo, text.polygon))
            read_, = recognise(str(word), progress_bar=False)['predictions']
            texts.add(text.text)
            assert text.text == read_['text']
            assert text.text_score == pytest.approx(read_['scores'], abs=1e-3)
    assert len(texts) > 1


def test_recogniser_alone_takes_images_as_words_and_batches_change_nothing(work):
    recognise = TextRecInferencer(str(work / 'rec.py'), str(work / 'rec.pth'), 'cpu')
    theirs = [each['text'] for each in recognise(
        [str(work / f'photos/{seed}.png') for seed in range(3)],
        progress_bar=False)['predictions']]
    for batch in (1, 2):
        code, lines, _ = read('photos', '--rec', 'rec.onnx', '--batch', batch, '--json', cwd=work)
        texts = [json.loads(line)['texts'] for line in lines]
        assert code == 0 and [text['text'] for text, in texts] == theirs
        assert all(set(text) == {'text', 'text_score'} for text, in texts)


def test_detector_alone_tells_polygons_and_scores(work):
    _, lines, _ = read('photos/0.png', '--det', 'det.onnx', '--json', cwd=work)
    entry, = map(json.loads, lines)
    assert {(*text, ) for text in entry['texts']} == {('polygon', 'score')}
    assert (entry['width'], entry['height']) == (200, 120)
    scores = sorted(text['score'] for text in entry['texts'])
    _, lines, _ = read('photos/0.png', '--det', 'det.onnx', '--min-score', scores[0] + 1e-4,
                       '--json', cwd=work)
    assert len(json.loads(lines[0])['texts']) == sum(one > scores[0] + 1e-4 for one in scores)


def test_what_cannot_be_read_is_named_and_the_rest_is_read(work, tmp_path):
    (tmp_path / 'note.jpg').write_text('no photo')
    paths = [tmp_path / 'gone.png', work / 'photos/1.png', tmp_path / 'note.jpg']
    code, lines, said = read('-', work / 'photos/0.png', '--model', work, '--draw', 'drawn',
                             cwd=tmp_path, stdin='\n'.join(map(str, paths)) + '\n\n')
    assert code == 1
    assert [line.split(':')[0] for line in lines if line[0] != ' '] == [
        str(work / 'photos/1.png'), str(work / 'photos/0.png')]
    assert f'{paths[0]}: No such file' in said and f'{paths[2]}: is no image' in said
    assert '2 could not be read' in said and 'Traceback' not in said
    assert {path.name for path in (tmp_path / 'drawn').iterdir()} == {'0.read.jpg', '1.read.jpg'}


def test_turned_photos_are_read_like_upright_ones(work, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = Image.open(work / 'photos/2.png')
    upright.rotate(90, expand=True).save(tmp_path / 'turned.png', exif=exif)
    upright.save(tmp_path / 'upright.png')
    _, lines, _ = read('turned.png', 'upright.png', '--model', work, '--json', cwd=tmp_path)
    one, other = map(json.loads, lines)
    assert one['texts'] == other['texts'] and (one['width'], one['height']) == (200, 120)


@pytest.mark.parametrize('arguments, words', [
    (['--det', 'foreign.onnx'], 'foreign.onnx. was not written by "mmocr-kd export".*Export the'),
    (['--det', 'later.onnx'], 'version 99; this one reads up to 2: pip install'),
    (['--det', 'photo.png'], 'photo.png. cannot be loaded by ONNX Runtime'),
    (['--det', 'gone.onnx'], 'gone.onnx. does not exist'),
    (['--det', 'rec.onnx'], "--det='rec.onnx' is a model of recognition.*give it as --rec"),
    (['--model', '.'], 'neither det.onnx nor rec.onnx'),
    ([], 'give --det, --rec, or --model')])
def test_refuses_what_it_cannot_use(work, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    model = onnx.load(work / 'rec.onnx')
    if '--model' not in arguments:
        onnx.save(model, 'rec.onnx')
    cv2.imwrite('photo.png', tiny_export.photo())
    model.metadata_props[0].value = json.dumps({
        **json.loads(model.metadata_props[0].value), 'version': 99})
    onnx.save(model, 'later.onnx')
    del model.metadata_props[:]
    onnx.save(model, 'foreign.onnx')
    done = call('read', 'photo.png', *arguments)
    assert done.exit_code in (1, 2) and re.search(words, done.output, re.S), done.output


class TestExport:

    @pytest.fixture(scope='class')
    def trained(self, tmp_path_factory):
        return tiny_export.write(tmp_path_factory.mktemp('trained'), 'rec',
                                 tiny_recog.crnn_cfg(), tiny_export.WORDS)

    def test_the_file_says_what_a_reader_has_to_know(self, work):
        about = OnnxFile(work / 'rec.onnx').about
        assert about['task'] == 'recognition' and about['model'] == 'CRNN'
        assert about['image'] == dict(
            channels='grey', mean=[127.], std=[127.], divisor=1, pad_value=0, steps=[
                dict(step='resize', width=50, height=16, backend='pillow',
                     interpolation='bicubic')])
        assert about['decoder']['kind'] == 'ctc' and about['decoder']['blank'] == 36
        assert ''.join(about['decoder']['characters'][:3]) == '012'
        rule = OnnxFile(work / 'det.onnx').about['postprocessor']
        assert rule == dict(kind='db', text_repr_type='quad', mask_thr=.3, min_text_score=.3,
                            min_text_width=5, unclip_ratio=1.5, epsilon_ratio=.01,
                            max_candidates=80)

    def test_nothing_is_written_past_the_tolerance(self, trained, tmp_path):
        done = call('export', *trained, '--out', tmp_path / 'rec.onnx', '--tolerance', 1e-12)
        assert done.exit_code == 1 and 'was not written' in done.output
        assert not (tmp_path / 'rec.onnx').exists()

    def test_compares_on_images_of_yours(self, trained, work, tmp_path):
        done = call('export', *trained, '--out', tmp_path / 'rec.onnx', '--images', work / 'photos')
        assert done.exit_code == 0 and '11 images of yours' in done.output  # and 8 that are drawn
        done = call('export', *trained, '--out', tmp_path / 'rec.onnx', '--images', 'gone.png')
        assert done.exit_code == 1 and 'No such file' in done.output

    def test_replaces_its_own_file_and_no_other(self, trained, work, tmp_path):
        out = tmp_path / 'rec.onnx'
        out.write_bytes((work / 'det.onnx').read_bytes())
        assert call('export', *trained, '--out', out).exit_code == 0
        assert OnnxFile(out).about['model'] == 'CRNN'
        out.write_bytes(b'mine')
        done = call('export', *trained, '--out', out)
        assert done.exit_code == 1 and 'was not written by "mmocr-kd export"' in done.output
        assert out.read_bytes() == b'mine'

    def test_plain_checkpoint_and_config_by_the_suffix(self, trained, tmp_path):
        done = call('export', *trained, '--out', tmp_path / 'plain.pth', '--half')
        assert done.exit_code == 0 and 'needs no teacher' in done.output
        again = call('export', tmp_path / 'plain.py', tmp_path / 'plain.pth', '--out',
                     tmp_path / 'rec.onnx')
        assert again.exit_code == 0, again.output

    @pytest.mark.parametrize('arguments, words', [
        (['--out', 'rec.tflite'], 'must end in .onnx or .pth'),
        (['--out', 'rec.onnx', '--half'], '--half is for --out FILE.pth'),
        (['--out', 'rec.onnx', '--with-selector'], 'has no selector: drop --with-selector'),
        (['--out', 'rec.onnx', '--cfg-options', 'model.decoder.postprocessor=None'],
         'a CRNN cannot be exported as one graph. What can: detectors: DBNet'),
        (['--out', 'rec.onnx', '--cfg-options', 'test_dataloader=None'], 'has no data for tests')])
    def test_says_what_cannot_be_exported_and_what_to_do(self, trained, arguments, words):
        done = call('export', *trained, *arguments)
        assert done.exit_code in (1, 2) and words in done.output, done.output
        assert not Path('rec.onnx').exists()

    def test_names_a_step_that_the_reader_lacks(self, tmp_path):
        steps = [*tiny_export.WORDS[:1], dict(type='PyramidRescale'), *tiny_export.WORDS[1:]]
        config, checkpoint = tiny_export.write(tmp_path, 'odd', tiny_recog.crnn_cfg(), steps)
        done = call('export', config, checkpoint, '--out', tmp_path / 'rec.onnx')
        assert done.exit_code == 1 and 'odd.py: the pipeline of the tests has a PyramidRescale' in (
            done.output)
