"""Labels by a teacher, as files that MMOCR reads."""
import json
import runpy
import shutil
import sys
from operator import itemgetter
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny
import tiny_recog
import torch
from click.testing import CliRunner
from mmengine.config import Config
from mmocr.registry import DATASETS, MODELS
from shapely.geometry import Polygon
from tiny_photos import photos

from mmocr_kd.adapters.recognition.n_best import n_best
from mmocr_kd.apis import pseudo_label
from mmocr_kd.apis.pseudo_label import (
    Labelling,
    PhotoRules,
    find_text,
    label_photos,
    label_words,
    teacher_of,
)
from mmocr_kd.cli import main
from mmocr_kd.reader.quads import reading_order
from mmocr_kd.store import MapStore

ROOT = Path(__file__).resolve().parents[2]
METAINFO = {'dataset_type': 'TextDetDataset', 'task_name': 'textdet'}


@pytest.fixture
def folder(tmp_path):
    """Two rendered photos, and the truth about them."""
    shutil.copytree(photos(11)['data_root'], tmp_path / 'photos')
    return tmp_path / 'photos'


@pytest.fixture
def detector(tmp_path):
    """A small one with a config of its own."""
    spec = tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg())
    (tmp_path / 'detector.py').write_text(f'model = {spec["config"]!r}')
    return str(tmp_path / 'detector.py'), spec['checkpoint']


def labelled(path):
    return json.loads(Path(path).read_text())['data_list']


def run(*arguments):
    return CliRunner().invoke(main, ['pseudo-label', *map(str, arguments)])


@pytest.mark.parametrize('shape', ['quad', 'poly'])
def test_regions_of_a_map_become_instances_of_the_photo(shape):
    probs = np.zeros((64, 96), np.float32)
    probs[10:20, 10:60], probs[40:50, 20:70], probs[0:6, 80:96] = .9, .5, .2
    found = find_text(probs, (128, 192), PhotoRules(shape=shape, unclip=1.5))
    sure, = [word for word in found if not word['ignore']]
    doubtful, = [word for word in found if word['ignore']]
    assert sure['score'] == pytest.approx(.9, abs=.01) and doubtful['score'] < .6
    polygon = Polygon(np.reshape(sure['polygon'], (-1, 2)))
    grown = 50 * 10 * 1.5 / 120  # area x ratio / perimeter
    bounds = np.array([10 - grown, 10 - grown, 59 + grown, 19 + grown])
    expected = Polygon.from_bounds(*(2 * bounds))
    assert polygon.intersection(expected).area / polygon.union(expected).area > .85
    assert np.allclose(polygon.bounds, sure['bbox'], atol=.11)
    assert len(sure['polygon']) == 8 or shape == 'poly'


@pytest.mark.parametrize('turned', [0, 1, 3])
@pytest.mark.parametrize('mirrored', [False, True])
def test_boxes_begin_where_their_text_does(turned, mirrored):
    box = np.array([[0, 0], [40, 2], [40, 12], [0, 10]], float)
    shown = np.roll(box[::-1] if mirrored else box, turned, 0)
    np.testing.assert_array_equal(reading_order(shown), box)
    tall = box[:, ::-1]  # runs downwards: its top is at the right
    assert reading_order(np.roll(tall, turned, 0))[0].tolist() == [10, 0]


def test_a_detector_labels_a_folder(folder, tmp_path, detector):
    config, checkpoint = detector
    out = tmp_path / 'new' / 'labels.json'
    done = run(config, '--checkpoint', checkpoint, '--images', folder, '--out', out)
    assert done.exit_code == 0, done.output
    assert 'on 2 photos; 0 of them were labelled already' in done.output
    dataset = DATASETS.build(dict(type='OCRDataset', data_root=str(folder), ann_file=str(out),
                                  pipeline=[dict(type='LoadImageFromFile'),
                                            dict(type='LoadOCRAnnotations', with_polygon=True,
                                                 with_bbox=True, with_label=True)]))
    assert [Path(dataset[i]['img_path']).name for i in (0, 1)] == ['0.png', '1.png']
    assert all(len(dataset[i]['gt_polygons']) == len(dataset[i]['gt_ignored']) for i in (0, 1))
    assert list(out.parent.iterdir()) == [out]
    again = run(config, '--checkpoint', checkpoint, '--images', folder, '--out', out)
    assert again.exit_code == 1 and 'is there already' in again.output


def test_a_store_labels_as_the_teacher_that_filled_it(folder, tmp_path, detector):
    """Without the teacher: maps are all that is asked for."""
    store = MapStore.create(tmp_path / 'store', {'who': 'nobody'}, 'fill')
    store.write(str(folder / '0.png'), {'text': cv2.rectangle(
        np.zeros((64, 64), np.uint8), (8, 16), (40, 24), 230, -1)})
    shutil.move(folder / '1.png', tmp_path)
    done = run(store.folder, '--images', folder, '--out', tmp_path / 'a.json')
    assert done.exit_code == 0, done.output
    word, = labelled(tmp_path / 'a.json')[0]['instances']
    left, top, right, bottom = np.array(word['bbox']) / 4  # the photo is four times as large
    assert left < 8 < 40 < right and top < 16 < 24 < bottom
    shutil.move(tmp_path / '1.png', folder)
    missing = run(store.folder, '--images', folder, '--out', tmp_path / 'b.json')
    assert missing.exit_code == 1 and '1.png' in missing.output and 'fill' in missing.output


def test_a_config_with_a_cached_teacher_labels_from_its_store(folder, tmp_path):
    (tmp_path / 'c.py').write_text(
        f'model = dict(type="DBNet")\ncustom_hooks = [dict(type="MaskETDistillHook", teacher=dict('
        f'type="CachedTeacher", store="{tmp_path}/store"))]')
    arguments = tmp_path / 'c.py', '--images', folder, '--out', tmp_path / 'a.json'
    missing = run(*arguments)
    assert missing.exit_code == 1 and f'{tmp_path}/store' in missing.output.replace('\n', '')
    store = MapStore.create(tmp_path / 'store', {'who': 'nobody'}, 'fill')
    for name in ('0.png', '1.png'):
        store.write(str(folder / name), {'text': np.zeros((64, 64), np.uint8)})
    assert run(*arguments).exit_code == 0
    assert [photo['instances'] for photo in labelled(tmp_path / 'a.json')] == [[], []]


def test_only_the_photos_that_a_file_names(folder, tmp_path):
    shutil.copy(folder / '0.png', folder / '2.png')
    (tmp_path / 'train.json').write_text(json.dumps({'data_list': [
        {'img_path': name, 'instances': []} for name in ('2.png', '0.png')]}))
    store = MapStore.create(tmp_path / 'store', {'who': 'nobody'}, 'fill')
    store.write(str(folder / '0.png'), {'text': np.zeros((64, 64), np.uint8)})
    files = '--images', folder, '--ann-file', tmp_path / 'train.json', '--out', tmp_path / 'a.json'
    assert run(store.folder, *files).exit_code == 0
    assert [photo['img_path'] for photo in labelled(tmp_path / 'a.json')] == ['2.png', '0.png']
    twice = run(store.folder, *files, '--read', tmp_path / 'a.json')
    assert twice.exit_code == 2 and '--ann-file' in twice.output


def test_the_tool_is_the_same_command(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['pseudo_label.py', '--help'])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / 'tools' / 'pseudo_label.py'), run_name='__main__')
    assert ended.value.code == 0 and '--floor' in capsys.readouterr().out


def asking(asked, stop_at=None):
    def ask(name):
        if name == stop_at:
            raise OSError('no room')
        asked.append(name)
        return [{'img_path': name, 'instances': []}]
    return ask


def test_stopped_it_goes_on_where_it_was(tmp_path):
    names, asked, out = ['a', 'b', 'c', 'd'], [], tmp_path / 'x.json'
    with pytest.raises(OSError, match='no room'):
        list(Labelling(str(out), names, asking(asked, 'c'), {'floor': .6}, METAINFO).run())
    part = tmp_path / 'x.json.part'
    assert asked == ['a', 'b'] and not out.exists()
    part.write_bytes(part.read_bytes() + b'{"name": "c", "entr')  # killed while writing
    going_on = Labelling(str(out), names, asking(asked), {'floor': .6}, METAINFO)
    assert sorted(going_on.done) == ['a', 'b']
    assert len(list(going_on.run())) == 4 and asked == names
    assert [entry['img_path'] for entry in labelled(out)] == names and not part.exists()


@pytest.mark.parametrize('left', [b'', b'{"made_by": {"flo'])
def test_killed_at_the_first_line(tmp_path, left):
    (tmp_path / 'x.json.part').write_bytes(left)
    list(Labelling(str(tmp_path / 'x.json'), ['a'], asking([]), {'floor': .6}, {}).run())
    assert len(labelled(tmp_path / 'x.json')) == 1


def test_a_part_that_was_made_otherwise_is_refused(tmp_path):
    with pytest.raises(OSError):
        ask = asking([], 'b')
        list(Labelling(str(tmp_path / 'x'), ['a', 'b'], ask, {'floor': .6}, {}).run())
    with pytest.raises(ValueError, match='another floor: go on with what it was begun with'):
        Labelling(str(tmp_path / 'x'), ['a'], asking([]), {'floor': .7}, {})


def test_a_config_that_distils_names_its_teacher(tmp_path):
    teacher = {'config': 'a.py', 'checkpoint': 'a.pth'}
    (tmp_path / 'c.py').write_text(
        f'model = dict(type="DBNet")\ncustom_hooks = [dict(type="MaskETDistillHook", '
        f'teacher={teacher})]')
    assert teacher_of(str(tmp_path / 'c.py')) == teacher
    (tmp_path / 'd.py').write_text('model = dict(type="DBNet")')
    with pytest.raises(ValueError, match='names no teacher.*--checkpoint'):
        teacher_of(str(tmp_path / 'd.py'))


@pytest.mark.parametrize(('fields', 'message'), [
    ({'floor': 1.5}, 'floor=1.5'), ({'unclip': 0}, 'unclip=0'), ({'shape': 'box'}, "shape='box'"),
    ({'long_side': 0}, 'long_side=0')])
def test_impossible_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        PhotoRules(**fields)


def test_unreadable_photos_are_named(folder, tmp_path, detector):
    data = (folder / '1.png').read_bytes()
    (folder / '1.png').write_bytes(data[:40])
    config, checkpoint = detector
    labelling = label_photos(config, str(folder), str(tmp_path / 'x'), None, checkpoint)
    with pytest.raises(ValueError, match='1.png.*cannot be decoded'):
        list(labelling.run())
    assert list(labelling.done) == ['0.png']


@pytest.mark.parametrize('turned', [0, 1])
def test_words_are_read_and_cut_out(folder, tmp_path, turned):
    """By PP-OCR, in the true boxes; also where these begin at another corner."""
    pytest.importorskip('rapidocr')
    boxes = json.loads((folder / 'photos.json').read_text())
    for word in (word for photo in boxes['data_list'] for word in photo['instances']):
        word['polygon'] = np.roll(word['polygon'], 2 * turned).tolist()
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    out = tmp_path / 'words' / 'labels.json'
    done = run('rapidocr', '--images', folder, '--read', tmp_path / 'boxes.json', '--out', out,
               *['--any-corner'] * turned)
    assert done.exit_code == 0, done.output
    dataset = DATASETS.build(dict(
        type='OCRDataset', data_root=str(out.parent), ann_file='labels.json',
        pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadOCRAnnotations', with_text=True)]))
    truth = {}
    for photo in labelled(folder / 'photos.json'):
        for number, word in enumerate(photo['instances']):
            truth[f'{Path(photo["img_path"]).stem}_{number:04d}'] = word['text'].lower()
    read = {Path(word['img_path']).stem: word['gt_texts'][0].lower() for word in dataset}
    assert len(read) > 2 and all(dataset[i]['img'].size for i in range(len(dataset)))
    assert sum(truth[name] == text for name, text in read.items()) >= .6 * len(read)
    assert not any(truth[name] == '###' for name in read)  # ignored ones


def test_photos_that_differ_in_their_suffix_alone_keep_their_words(folder, tmp_path, monkeypatch):
    """And words that are labelled keep their text, however they are read."""
    shutil.copy(folder / '0.png', folder / '0.jpg')
    box = dict(bbox=[0, 0, 30, 12], ignore=False)
    data = [dict(img_path=name, instances=[box, dict(box, text='said')])
            for name in ('0.png', '0.jpg', '1.png')]
    (tmp_path / 'boxes.json').write_text(json.dumps(dict(data_list=data)))
    monkeypatch.setattr(pseudo_label, '_bound', lambda *_: (None, dict(teacher={})))
    monkeypatch.setattr(pseudo_label, '_read', lambda *_: ('read', 0.))
    labelling = label_words('it', str(folder), str(tmp_path / 'boxes.json'),
                            str(tmp_path / 'out' / 'words.json'), labelled=True)
    list(labelling.run())
    words = labelled(tmp_path / 'out' / 'words.json')
    assert sorted(word['img_path'] for word in words) == sorted(
        f'words/{name}_{number:04d}.png' for name in ('0.png', '0.jpg', '1')
        for number in (0, 1))
    assert all((tmp_path / 'out' / word['img_path']).exists() for word in words)
    assert [word['instances'][0]['text'] for word in words] == ['read', 'said'] * 3
    assert {word['photo'] for word in words} == {'0.png', '0.jpg', '1.png'}


def test_a_recogniser_of_mmocr_reads_as_its_config_tests_it(folder, tmp_path, monkeypatch):
    """Grey words of its own size: what its inferencer would read."""
    spec = tiny_recog.checkpoint(tmp_path / 'crnn.pth', tiny_recog.crnn_cfg(low_res=False), seed=3)
    saved = torch.load(spec['checkpoint'])
    for key, value in saved['state_dict'].items():
        if key.startswith('decoder.'):  # or all words would look alike
            value *= 0 if 'bias' in key else 6
    torch.save(saved, spec['checkpoint'])
    Config(dict(model=spec['config'], test_dataloader=dict(dataset=dict(
        type='ConcatDataset', datasets=[], pipeline=[
            dict(type='LoadImageFromFile', color_type='grayscale'),
            dict(type='LoadOCRAnnotations', with_text=True), dict(type='Resize', scale=(100, 32)),
            dict(type='PackTextRecogInputs', meta_keys=('img_path', 'ori_shape', 'img_shape'))])))
    ).dump(str(tmp_path / 'crnn.py'))
    answers, read = [], pseudo_label._read
    monkeypatch.setattr(pseudo_label, '_read', lambda *a: answers.append(read(*a)) or answers[-1])
    out = tmp_path / 'words' / 'labels.json'
    done = run(tmp_path / 'crnn.py', '--checkpoint', spec['checkpoint'], '--images', folder,
               '--read', folder / 'photos.json', '--out', out, '--floor', '0')
    assert done.exit_code == 0, done.output
    model = MODELS.build(spec['config']).eval()
    model.load_state_dict(saved['state_dict'])
    assert len(labelled(out)) == len(answers) > 4
    for word, (text, log_prob) in zip(labelled(out), answers):
        grey = cv2.cvtColor(cv2.imread(str(out.parent / word['img_path'])), cv2.COLOR_BGR2GRAY)
        image = torch.from_numpy(cv2.resize(grey, (100, 32)))[None]
        data = model.data_preprocessor(
            dict(inputs=[image], data_samples=[tiny_recog.sample('', (32, 100))]), False)
        with torch.no_grad():
            best, = n_best(model, data['inputs'], data['data_samples'], 5)
        assert text == word['instances'][0]['text']
        assert log_prob == pytest.approx(max(known for _, known in best), abs=.05)
    assert max(answers, key=itemgetter(1))[1] - min(answers, key=itemgetter(1))[1] > .3
