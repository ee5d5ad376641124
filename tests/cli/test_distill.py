"""``mmocr-kd distill det``: from photos to a student; killed, resumed, refused; what it says."""
import errno
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import click
import cv2
import numpy as np
import pytest
import tiny_distill
from click.testing import CliRunner
from kills import attempts, equal, in_child, trained_steps, weights
from mmengine.config import Config
from mmengine.runner import Runner
from tiny_distill import distill

from mmocr_kd.apis import students
from mmocr_kd.apis.distill_photos import detector, distillation, training, work_folder
from mmocr_kd.apis.distill_photos.detector import boxes_scored
from mmocr_kd.cli import distill as verb
from mmocr_kd.cli import main, progress
from mmocr_kd.measure.counts import Counts
from mmocr_kd.reader import Detector, OnnxFile
from mmocr_kd.reader.photos import load

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """Photos and teacher; and one run that nothing disturbs."""
    folder = tmp_path_factory.mktemp('distill')
    tiny_distill.write_photos(folder / 'photos')
    tiny_distill.write_teacher(folder)
    with pytest.MonkeyPatch.context() as patch:
        tiny_distill.arrange(patch, folder)
        yield folder


@pytest.fixture(scope='module')
def shown(place):
    return distill(place)


def test_photos_become_a_student(place, shown):
    assert shown.exit_code == 0, shown.output
    work = place / 'work'
    assert weights(work / 'student.pth').keys() == weights(
        work / 'train' / 'epoch_2.pth').keys()
    for what in ('of 6 photos 5 teach by the boxes', '1 are held out', 'starts from nothing'):
        assert what in shown.output
    line, = (line for line in shown.output.splitlines() if 'hmean' in line)
    assert 'agreement with the teacher, not accuracy' in line
    assert shown.output.splitlines()[-1] == (
        f'  mmocr-kd read {place / "photos"} --model {work}')
    assert (work / 'det.onnx').exists()
    text = (work / 'student.py').read_text()
    assert 'CachedTeacher' not in text and 'MaskETDistillHook' not in text


def counts_by(hits):
    """What :func:`count_images` gives of a photo with ten words, for hits at rising thresholds."""
    def count(*args, **kwargs):
        yield 1
        return Counts(np.linspace(.3, .9, 7), np.array([hits]), np.full((1, 7), 10),
                      np.array([10]), np.array(['photo']))
    return count


@pytest.mark.parametrize('hits, least', [([1, 2, 3, 4, 9, 5, 1], .7), ([4, 4, 4, 1, 0, 0, 0], .4),
                                         ([0] * 7, .3)])
def test_it_leaves_out_what_it_is_too_unsure_of(place, shown, monkeypatch, hits, least):
    """By the photos that were held out; if it finds nothing there, MMOCR's own bound stays."""
    out = f'threshold{least}'
    shutil.copytree(place / 'work', place / out)
    for name in ('student.pth', 'student.py', 'det.onnx', 'summary.json'):
        (place / out / name).unlink()
    monkeypatch.setattr(detector, 'count_images', counts_by(hits))
    assert distill(place, out=out).exit_code == 0
    student = Config.fromfile(place / out / 'student.py').model.det_head.postprocessor
    assert student.get('min_text_score', .3) == pytest.approx(least)
    about = OnnxFile(place / out / 'det.onnx').about
    assert about['postprocessor']['min_text_score'] == pytest.approx(least)


def test_the_teacher_is_asked_once_about_each_photo(place, shown, monkeypatch):
    """Training, timing and boxes read what it said."""
    seen = len(list((place / 'work' / 'cache').rglob('*.maps')))
    assert seen == 6
    boxes = json.loads((place / 'work' / 'teacher.json').read_text())['data_list']
    for entry in boxes:
        _, bars = tiny_distill.bars(int(entry['img_path'][0]))
        assert len(entry['instances']) == len(bars)


def test_its_config_trains_the_same_student(place, shown, tmp_path):
    cfg = Config.fromfile(place / 'work' / 'config.py')
    cfg.work_dir, cfg.experiment_name = str(tmp_path), 'again'
    Runner.from_cfg(cfg).train()
    assert equal(tmp_path / 'epoch_2.pth', place / 'work' / 'train' / 'epoch_2.pth')
    assert not equal(tmp_path / 'epoch_1.pth', tmp_path / 'epoch_2.pth')


def test_typed_again_it_does_nothing_and_says_the_same(place, shown):
    student = place / 'work' / 'student.pth'
    before = student.stat().st_mtime_ns
    again = distill(place)
    assert again.output.splitlines()[-8:] == shown.output.splitlines()[-8:]
    assert student.stat().st_mtime_ns == before


def test_json_is_all_of_stdout(place, shown):
    told = json.loads(distill(place, '--json').stdout)
    assert told['compared_with'] == 'the teacher' and told['steps'] == 6 and told['held_out'] == 1
    assert {'precision', 'recall', 'hmean'} <= told['scores'].keys()


def test_killed_wherever_it_writes_it_ends_at_the_same_student(place, shown):
    """Photos, maps, boxes, plan, student, summary: each attempt gets five files further at most."""
    ends = attempts(lambda: distill(place, out='killed'), 5)
    assert ends[-1] == 0 and len(ends) > 3
    assert equal(place / 'killed' / 'student.pth', place / 'work' / 'student.pth')


def test_killed_in_training_it_goes_on_from_the_last_checkpoint(place, shown):
    assert trained_steps(lambda: distill(place, out='trained'), place / 'steps.txt', 4) == [
        0, 1, 2, 3, 4, 3, 4, 5]
    assert (place / 'trained' / 'train' / 'epoch_1.pth').exists()


def test_a_checkpoint_that_is_cut_off_is_not_gone_on_with(place, shown, tmp_path):
    """MMEngine may be killed while it writes; the one before is whole."""
    cfg = Config.fromfile(place / 'work' / 'config.py')
    assert cfg.default_hooks.checkpoint.max_keep_ckpts == 2
    for epoch in (1, 2):
        data = (place / 'work' / 'train' / f'epoch_{epoch}.pth').read_bytes()
        (tmp_path / f'epoch_{epoch}.pth').write_bytes(data[:len(data) // epoch])
    told = []
    training.train(cfg, tmp_path, told.append)
    assert told == [3, 4, 5, 6]


def test_a_second_command_in_the_folder_is_refused(place, shown):
    def attempt():
        refused = distill(place)
        return refused.exit_code + ('worked on by another command' in refused.output)

    with work_folder.alone(place / 'work'):
        assert in_child(attempt) == 2
    assert in_child(attempt) == 0


def test_other_arguments_are_refused_and_named(place, shown):
    refused = distill(place, '--seed', 3, '--student', 'mobilenetv3-large')
    assert refused.exit_code == 1
    assert "--student was 'mobilenetv3-small', is 'mobilenetv3-large'" in refused.output
    assert '--seed was 0, is 3' in refused.output and '--images' not in refused.output


def test_photos_that_come_later_are_named(place, shown, tmp_path):
    (tmp_path / 'photos').symlink_to(place / 'photos')
    cv2.imwrite(str(place / 'photos' / 'new.png'), tiny_distill.bars(9)[0])
    try:
        assert 'such as new.png: they are not used' in distill(place).output
    finally:
        (place / 'photos' / 'new.png').unlink()


def test_a_folder_of_others_and_one_among_the_photos_are_refused(place):
    (place / 'thesis').mkdir()
    (place / 'thesis' / 'thesis.tex').touch()
    assert 'holds something else' in distill(place, out='thesis').output
    assert 'lies within --images' in distill(place, out='photos/work').output


def test_dry_run_writes_nothing(place):
    told = distill(place, '--dry-run', out='dry')
    assert told.exit_code == 0 and '6 photos' in told.output and '6 steps' in told.output
    assert not (place / 'dry').exists()


def fresh(place, tmp_path, count):
    tiny_distill.write_photos(tmp_path / 'photos', count)
    return ['--images', tmp_path / 'photos', '--out', tmp_path / 'work']


@pytest.mark.parametrize('name, says', [
    ('none', ['no photo in it', '1 .heic', 'convert']),
    ('empty', ['no photo in it', '1 of them empty']),
    ('cut off', ['none of its 1 photos can be read', 'a.jpg']),
    ('one', ['there is one photo', 'two are needed']),
    ('dark', ['sees text on none of 2 photos', 'another --teacher']),
    ('gone', ['there is no folder']),
])
def test_what_is_wrong_with_photos_is_said(place, tmp_path, name, says):
    photos = tmp_path / 'photos'
    photos.mkdir()
    image = cv2.imencode('.jpg', tiny_distill.bars(0)[0])[1].tobytes()
    if name == 'none':
        (photos / 'a.HEIC').write_bytes(image)
    elif name in ('empty', 'cut off', 'one'):
        (photos / 'a.jpg').write_bytes(image[:{'empty': 0, 'cut off': -300, 'one': None}[name]])
    elif name == 'dark':
        for index in range(2):
            cv2.imwrite(str(photos / f'{index}.png'), tiny_distill.bars(index)[0] // 8)
    else:
        photos.rmdir()
    shown = distill(place, '--images', photos, out=tmp_path / 'work')
    assert shown.exit_code == 1
    assert all(what in shown.output for what in says), shown.output
    assert 'Traceback' not in shown.output


def test_photos_that_cannot_be_read_are_left_out_and_named(place, tmp_path):
    photos = tiny_distill.write_photos(tmp_path / 'photos', 3)
    (photos / '9.png').write_bytes((photos / '1.png').read_bytes()[:900])
    (photos / '8.jpg').write_text('no image')
    told = distill(place, '--images', photos, '--json', out=tmp_path / 'work')
    assert told.exit_code == 0, told.output
    summary = json.loads(told.stdout)
    assert summary['photos'] == 3 and set(summary['left_out']) == {'8.jpg', '9.png'}
    assert 'left out: 9.png: ' in told.stderr


def test_labels_are_learnt_from_and_tested_against(place, tmp_path):
    """Of 4 of 6 photos; the other two are learnt from by the teacher's maps alone."""
    data = [dict(img_path=f'{index}.png', instances=[
        dict(bbox=[x, y, x + width, y + height], ignore=False)
        for x, y, width, height in tiny_distill.bars(index)[1]]) for index in range(4)]
    data.append(dict(img_path='other.png', instances=[]))
    (tmp_path / 'gt.json').write_text(json.dumps(dict(metainfo={}, data_list=data)))
    told = distill(place, '--labels', tmp_path / 'gt.json', out=tmp_path / 'work')
    assert told.exit_code == 0, told.output
    assert '3 teach by labels and maps of the teacher, 2 by its maps alone, 1 are held out' in (
        told.output)
    assert "1 of its 5 photos are not in --images, such as ['other.png']" in told.output
    assert 'teacher: hmean' in told.output and 'not accuracy' not in told.output
    (tmp_path / 'gt.json').write_text(json.dumps(dict(metainfo={}, data_list=data[:3])))
    assert '--labels was' in distill(place, '--labels', tmp_path / 'gt.json',
                                     out=tmp_path / 'work').output


def test_labels_of_other_photos_are_refused(place, tmp_path):
    data = [dict(img_path='imgs/0.png', instances=[])]
    (tmp_path / 'gt.json').write_text(json.dumps(dict(metainfo={}, data_list=data)))
    shown = distill(place, '--labels', tmp_path / 'gt.json', out=tmp_path / 'work')
    assert shown.exit_code == 1 and 'about other photos' in shown.output
    assert 'relative to --images' in shown.output


def test_without_rapidocr_it_says_what_to_install(place, tmp_path, monkeypatch):
    monkeypatch.setattr(distillation, 'find_spec', lambda name: None)
    shown = distill(place, '--teacher', 'rapidocr', out=tmp_path / 'work')
    assert shown.exit_code == 1 and "pip install 'mmocr_kd[rapidocr]'" in shown.output
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize('package', ['onnx', 'onnxruntime'])
def test_without_onnx_there_is_a_student_all_the_same(place, shown, tmp_path, monkeypatch, package):
    work = shutil.copytree(place / 'work', tmp_path / 'work')
    for name in ('det.onnx', 'summary.json'):
        (work / name).unlink()
    monkeypatch.setitem(sys.modules, package, None)
    told = distill(place, out=work)
    assert told.exit_code == 0, told.output
    assert re.search(r"no ONNX file is written: .*pip install ('mmocr_kd|onnxr)", told.output)
    *_, verb, config, checkpoint = told.output.split()
    assert verb == 'test' and Path(config).exists() and Path(checkpoint).exists()
    assert not (work / 'det.onnx').exists()


@pytest.mark.parametrize('after', [3, 9])
def test_a_full_disk_is_said_and_nothing_is_lost(place, tmp_path, monkeypatch, after):
    left, fsync = [after], os.fsync

    def full(file):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, 'No space left on device')
        fsync(file)

    monkeypatch.setattr(os, 'fsync', full)
    shown = distill(place, out=tmp_path / 'work')
    assert shown.exit_code == 1 and 'there is no room left' in shown.output
    assert 'type the same command' in shown.output
    left[0] = 10**6
    assert distill(place, out=tmp_path / 'work').exit_code == 0


def test_the_budget_decides_how_long_it_trains(place, tmp_path, monkeypatch):
    seconds = []
    monkeypatch.setattr(training, 'step_seconds', lambda *_: seconds[-1])
    seconds.append(500.)
    small = distill(place, '--budget', '1h', out=tmp_path / 'work')
    assert small.exit_code == 0 and '6 steps of 500.00 s fit in' in small.output
    assert Config.fromfile(tmp_path / 'work' / 'config.py').train_cfg.max_epochs == 2
    refused = distill(place, '--budget', '2h', out=tmp_path / 'work')
    assert refused.exit_code == 1 and '--budget was 3600.0, is 7200.0' in refused.output


def test_a_budget_in_which_nothing_is_learnt_is_refused_and_may_be_raised(place, tmp_path):
    refused = distill(place, '--budget', '1s', out=tmp_path / 'work')
    assert refused.exit_code == 1 and 'nothing can be learnt' in refused.output
    assert re.search(r'--budget \d+m or more', refused.output)
    assert not (tmp_path / 'work' / 'config.py').exists()
    assert distill(place, out=tmp_path / 'work').exit_code == 0


def test_its_students_are_those_there_are():
    assert verb.STUDENTS == {'det': tuple(students.STUDENTS), 'rec': tuple(students.RECOGNISERS)}


def test_trained_for_8_bits(place, shown):
    """The last quarter rounds; the file holds 8 bits, and is tested as such."""
    done = distill(place, '--int8', '--json', out='int8')
    assert done.exit_code == 0, done.output
    work, summary = place / 'int8', json.loads(done.stdout)
    config = Config.fromfile(work / 'config.py')
    assert config.custom_hooks[-1] == {'type': 'QuantizationAwareTrainingHook', 'start': 1}
    assert config.custom_hooks[0].teacher.store == str(work / 'cache')
    float_file, file = OnnxFile(work / 'det.float.onnx'), OnnxFile(work / 'det.onnx')
    assert file.about == {**float_file.about, 'bits': 8}
    assert [equal(*(folder / 'train' / f'epoch_{epoch}.pth' for folder in (work, place / 'work')))
            for epoch in (1, 2)] == [True, False]
    detector = Detector(file)
    held_out = json.loads((work / 'held_out.json').read_text())['data_list']
    found = {one['img_path']: [{'polygon': polygon.ravel(), 'score': score} for polygon, score in
                               zip(*detector(load(str(work / 'photos' / one['img_path']))))]
             for one in held_out}
    truth = {one['img_path']: one['instances'] for one in held_out}
    assert summary['scores_in_8_bits'] == boxes_scored(found, truth)
    again = distill(place, '--int8', out='int8')
    assert 'student in 8 bits: hmean' in again.output
    refused = distill(place, out='int8')
    assert refused.exit_code and '--int8 was True, is False' in refused.output


def test_8_bits_need_what_writes_them(place, monkeypatch):
    monkeypatch.setattr(distillation, 'find_spec', lambda name: name != 'onnx')
    done = distill(place, '--int8', out='none')
    assert done.exit_code and "pip install 'mmocr_kd[export]'" in done.output
    assert not (place / 'none').exists()


@pytest.mark.parametrize('device, seen', [('cpu', ''), ('cuda:1', '1'), ('cuda', None)])
def test_the_device_is_the_only_one_that_pytorch_sees(monkeypatch, device, seen):
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', 'is put back afterwards')
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES')
    verb._use(device)
    assert os.environ.get('CUDA_VISIBLE_DEVICES') == seen
    with pytest.raises(click.BadParameter, match='give cpu, cuda or cuda:1'):
        verb._use('gpu0')


@pytest.mark.parametrize('text, seconds', [('30m', 1800), ('1h30m', 5400), ('2h', 7200),
                                           ('1.5h', 5400), ('90s', 90)])
def test_durations(text, seconds):
    assert verb.Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize('text', ['30', '', 'm', '5 m', '1d', '-5m'])
def test_no_durations(text):
    shown = CliRunner().invoke(main, ['distill', 'det', '--images', 'a', '--out', 'b', '--budget',
                                      text])
    assert shown.exit_code == 2 and 'is no duration, such as 30m' in shown.output


def test_without_a_terminal_lines_come_and_say_how_long_it_takes(monkeypatch, capsys):
    monkeypatch.setattr(progress, 'EVERY', .02)
    begun = threading.active_count()
    with progress.Told(sys.stdout).phase('training', 100) as tell:
        for done in (40, 50):
            tell(done)
            time.sleep(.1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == 'training: 100 to do' and lines[-1].startswith('training: done in 0:00')
    assert 'training: 40 of 100, 0:00' in lines and 'training: 50 of 100, 0:00, 0:00 to go' in lines
    assert threading.active_count() == begun


def test_what_libraries_and_what_they_start_print_goes_to_the_log(tmp_path, capfd):
    told = progress.Told(sys.stdout)
    with distillation._said_into(tmp_path / 'log'):
        print('of a library')
        os.write(2, b'of C code\n')
        subprocess.run(['sh', '-c', 'echo of a program; no-such-compiler --version'])
        told.say('how far it is')
    print('later')
    log = (tmp_path / 'log').read_text()
    for said in ('of a library', 'of C code', 'of a program', 'no-such-compiler'):
        assert said in log
    assert capfd.readouterr() == ('how far it is\nlater\n', '')


def test_time_left_is_that_of_steps_since_the_restart(monkeypatch):
    now = [0.]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: now[0])
    state = progress._State('training', 1000)
    for now[0], done in ((100., 400), (110., 410), (120., 420)):
        state.tell(done)
    now[0] = 130.
    assert state.line() == 'training: 420 of 1000, 2:10, 9:30 to go'
