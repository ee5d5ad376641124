"""``mmocr-kd distill rec``: from photos to a reader of words; killed, resumed, refused."""
import json

import cv2
import pytest
import tiny_distill
import tiny_distill_rec
from click.testing import CliRunner
from kills import attempts, equal, in_child, trained_steps
from mmengine.config import Config
from mmengine.runner import Runner
from tiny_distill_rec import distill, words

from mmocr_kd.apis.distill_photos import distillation, recognizer
from mmocr_kd.cli import main
from mmocr_kd.reader import OnnxFile, Recognizer
from mmocr_kd.reader.photos import load

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """Photos, finder and reader; and one run that nothing disturbs."""
    folder = tmp_path_factory.mktemp('distill')
    tiny_distill_rec.write_photos(folder / 'photos')
    with pytest.MonkeyPatch.context() as patch:
        tiny_distill_rec.arrange(patch, folder)
        yield folder


@pytest.fixture(scope='module')
def shown(place):
    return distill(place)


def data(path):
    return json.loads(path.read_text())['data_list']


def test_photos_become_a_reader(place, shown):
    assert shown.exit_code == 0, shown.output
    line, = (line for line in shown.output.splitlines() if 'word accuracy' in line)
    assert 'agreement with the teacher, not accuracy' in line
    for what in ('of 15 readings the teacher is sure (0.6) of 15', 'on 5 photos teach',
                 'those on 1 photos are held out', 'starts from nothing'):
        assert what in shown.output
    work = place / 'work'
    text = (work / 'rec' / 'student.py').read_text()
    assert 'reader.onnx' not in text and 'dictionary.txt' in text
    assert (work / 'rec.onnx').exists() and not (work / 'det.onnx').exists()
    assert shown.output.splitlines()[-1] == (
        f'  mmocr-kd read {place / "photos"} --model {work}')


def test_words_are_cut_by_boxes_and_say_what_the_teacher_read(place, shown):
    read = data(place / 'work' / 'rec' / 'words.json')
    for index in range(6):
        texts = [word['instances'][0]['text'] for word in read if word['photo'] == f'{index}.png']
        assert sorted(texts) == sorted(text for text, _ in words(index)[1])
    for word in read:
        image = cv2.imread(str(place / 'work' / 'rec' / word['img_path']))
        bright = tiny_distill_rec.BRIGHT[word['instances'][0]['text']]
        assert abs(int(image[image.shape[0] // 2, image.shape[1] // 2, 0]) - bright) < 3


def test_learnt_and_held_out_words_share_no_photo(place, shown):
    learnt, tested = ({word['img_path'].rpartition('_')[0]
                       for word in data(place / 'work' / 'rec' / file)}
                      for file in ('train.json', 'held_out.json'))
    assert len(learnt) == 5 and len(tested) == 1 and not learnt & tested


def test_its_config_trains_the_same_student(place, shown, tmp_path):
    cfg = Config.fromfile(place / 'work' / 'rec' / 'config.py')
    cfg.work_dir, cfg.experiment_name = str(tmp_path), 'again'
    Runner.from_cfg(cfg).train()
    assert equal(tmp_path / 'epoch_2.pth', place / 'work' / 'rec' / 'train' / 'epoch_2.pth')


def test_typed_again_it_does_nothing_and_says_the_same(place, shown):
    student = place / 'work' / 'rec' / 'student.pth'
    before = student.stat().st_mtime_ns
    told = json.loads(distill(place, '--json').stdout)
    assert told['compared_with'] == 'the teacher' and told['steps'] == 6
    assert {'word_acc', 'word_acc_ignore_case_symbol', '1-N.E.D'} == told['scores'].keys()
    assert student.stat().st_mtime_ns == before


def test_killed_wherever_it_writes_it_ends_at_the_same_student(place, shown):
    """Photos, boxes, words, plan, student, graph, summary: some files further at each attempt."""
    ends = attempts(lambda: distill(place, out='killed'), 11)
    assert ends[-1] == 0 and len(ends) > 2
    assert equal(*(place / out / 'rec' / 'student.pth' for out in ('killed', 'work')))
    assert data(place / 'killed/rec/words.json') == data(place / 'work/rec/words.json')


def test_killed_in_training_it_goes_on_from_the_last_checkpoint(place, shown):
    assert trained_steps(lambda: distill(place, out='trained'), place / 'steps.txt', 4) == [
        0, 1, 2, 3, 4, 3, 4, 5]


def test_a_detector_and_a_reader_share_a_folder(place, tmp_path, monkeypatch):
    """The reader takes the detector's boxes, and both read together; other photos are refused."""
    tiny_distill.arrange(monkeypatch, place)
    detected = tiny_distill.distill(place, out=tmp_path / 'both')
    assert detected.exit_code == 0, detected.output
    monkeypatch.setattr(recognizer, 'FINDER', 'nobody')
    done = distill(place, out=tmp_path / 'both')
    assert done.exit_code == 0, done.output
    assert not (tmp_path / 'both' / 'rec' / 'boxes.json').exists()
    again = tiny_distill.distill(place, '--json', out=tmp_path / 'both')
    assert json.loads(again.stdout)['scores'].keys() >= {'hmean'}
    found = CliRunner().invoke(main, ['read', str(place / 'photos' / '1.png'), '--json', '--model',
                                      str(tmp_path / 'both')])
    assert found.exit_code == 0 and {'photo', 'texts'} <= json.loads(found.stdout).keys()
    (tmp_path / 'photos').mkdir()
    cv2.imwrite(str(tmp_path / 'photos' / 'a.png'), words(7)[0])
    other = distill(place, '--images', tmp_path / 'photos', out=tmp_path / 'both')
    assert other.exit_code == 1 and '--images was' in other.output
    with distillation.alone(tmp_path / 'both'):
        assert in_child(lambda: distill(place, out=tmp_path / 'both').exit_code) == 1


@pytest.mark.parametrize('name, says', [
    ('none', 'no photo in it'), ('one', 'there is one photo; two are needed'),
    ('dark', 'sees text on none of 2 photos'), ('dull', 'the teacher sees text on none of 2')])
def test_what_is_wrong_with_photos_is_said(place, tmp_path, name, says):
    """Dull words are seen, and nobody can read them."""
    photos = tmp_path / 'photos'
    photos.mkdir()
    for index in range({'none': 0, 'one': 1}.get(name, 2)):
        image = words(index)[0]
        image = image // 8 if name == 'dark' else image.clip(0, 143) if name == 'dull' else image
        cv2.imwrite(str(photos / f'{index}.png'), image)
    refused = distill(place, '--images', photos, out=tmp_path / 'work')
    assert refused.exit_code == 1 and says in refused.output, refused.output
    assert 'Traceback' not in refused.output


def labels(folder, count=4, name='{}.png', wrong=(), texts=True):
    entries = [dict(img_path=name.format(index), instances=[
        dict(bbox=[x, y, x + width, y + height],
             **({'text': 'ab'[text == 'a'] if index in wrong else text} if texts else {}))
        for text, (x, y, width, height) in words(index)[1]]) for index in range(count)]
    (folder / 'gt.json').write_text(json.dumps(dict(metainfo={}, data_list=entries)))
    return folder / 'gt.json'


def test_labels_are_learnt_from_and_tested_against(place, tmp_path):
    """Of 4 of 6 photos; on the one that is held out, the teacher is always wrong."""
    done = distill(place, '--labels', labels(tmp_path, wrong=range(4)), '--json',
                   out=tmp_path / 'work')
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told['compared_with'] == 'labels' and told['scores_of_teacher']['word_acc'] == 0
    rec = tmp_path / 'work' / 'rec'
    assert told['held_out'] == len(data(rec / 'held_out.json'))
    photos = {file: {word['img_path'][6] for word in data(rec / f'{file}.json')}
              for file in ('train', 'unlabelled', 'held_out')}
    assert photos['unlabelled'] == {'4', '5'}
    assert photos['train'] | photos['held_out'] == set('0123')
    for word in data(rec / 'train.json'):
        truth = [text for text, _ in words(int(word['img_path'][6]))[1]]
        number = int(word['img_path'][-5])
        assert word['instances'][0]['text'] != truth[number]  # as labelled, not as read


@pytest.mark.parametrize('fields, says', [
    (dict(name='imgs/{}.png'), 'about other photos'),
    (dict(texts=False), 'says where text is, not what it says')])
def test_labels_that_do_not_do_are_refused(place, tmp_path, fields, says):
    refused = distill(place, '--labels', labels(tmp_path, **fields), out=tmp_path / 'work')
    assert refused.exit_code == 1 and says in refused.output, refused.output


def test_a_budget_in_which_nothing_is_learnt_is_refused(place, tmp_path):
    refused = distill(place, '--budget', '1s', out=tmp_path / 'work')
    assert refused.exit_code == 1 and 'nothing can be learnt. A recogniser needs' in refused.output
    assert not (tmp_path / 'work' / 'rec' / 'config.py').exists()


def test_trained_for_8_bits(place, shown):
    done = distill(place, '--int8', '--json', out='int8')
    assert done.exit_code == 0, done.output
    work, scores = place / 'int8', json.loads(done.stdout)
    config = Config.fromfile(work / 'rec' / 'config.py')
    assert config.custom_hooks[-1].type == 'QuantizationAwareTrainingHook'
    file = OnnxFile(work / 'rec.onnx')
    assert file.about == {**OnnxFile(work / 'rec.float.onnx').about, 'bits': 8}
    held_out, recognizer = data(work / 'rec' / 'held_out.json'), Recognizer(file)
    right = [recognizer([load(str(work / 'rec' / one['img_path']))])[0][0]
             == one['instances'][0]['text'] for one in held_out]
    assert scores['scores_in_8_bits']['word_acc'] == pytest.approx(sum(right) / len(right),
                                                                   abs=1e-4)
    assert scores['scores_in_8_bits'].keys() == scores['scores'].keys()


def test_students_are_those_of_the_task(place, tmp_path):
    refused = distill(place, '--student', 'mobilenetv3-small', out=tmp_path / 'work')
    assert refused.exit_code == 1 and 'choose one of crnn, svtr-tiny' in refused.output


def test_without_rapidocr_it_says_what_to_install(place, tmp_path, monkeypatch):
    monkeypatch.setattr(recognizer, 'FINDER', 'rapidocr')
    monkeypatch.setattr(distillation, 'find_spec', lambda name: None)
    refused = distill(place, out=tmp_path / 'work')
    assert refused.exit_code == 1 and "pip install 'mmocr_kd[rapidocr]'" in refused.output
