"""What "mmocr-kd distill" makes of photos and labels, whatever cameras and people do to them."""
import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine.config import Config
from PIL import Image

from mmocr_kd.apis.distill_photos import config_file
from mmocr_kd.apis.distill_photos.config_file import DetectorRecipe
from mmocr_kd.apis.distill_photos.detector import boxes_scored
from mmocr_kd.apis.distill_photos.photos import LONG_SIDE, Gathered, Photo, gather
from mmocr_kd.apis.distill_photos.split import MOST, held_out_of, read_labels, split
from mmocr_kd.apis.students import STUDENTS, Start, shipped, start_of

TEXT, NONE, IGNORED = [dict(ignore=False)], [], [dict(ignore=True)]


def picture(width, height):
    """Smooth, and different in each corner."""
    corners = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [200, 200, 200]]], np.uint8)
    return cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)


def gathered(folder, name, image, **fields):
    (folder / 'photos').mkdir(exist_ok=True)
    image.save(folder / 'photos' / name, **fields)
    found = gather(folder / 'photos', folder / 'out', lambda done: None)
    return found.photos[0], cv2.imread(str(folder / 'out' / name))


@pytest.mark.parametrize('orientation', range(1, 9))
def test_photos_are_upright(tmp_path, orientation):
    """As OpenCV, a viewer, shows them; and without the note, so that nobody turns them again."""
    image = Image.fromarray(picture(90, 60))
    exif = image.getexif()
    exif[274] = orientation
    photo, written = gathered(tmp_path, 'a.jpg', image, exif=exif, quality=95)
    shown = cv2.imread(str(tmp_path / 'photos' / 'a.jpg'))
    assert written.shape == shown.shape == (photo.height, photo.width, 3)
    assert (photo.width > photo.height) == (orientation < 5)
    assert np.abs(written.astype(int) - shown).max() < 30 and photo.scale == 1
    assert Image.open(tmp_path / 'out' / 'a.jpg').getexif().get(274, 1) == 1


@pytest.mark.parametrize('name', ['a.jpg', 'a.PNG', 'b/c/a.webp'])
def test_huge_photos_are_shrunk(tmp_path, name):
    (tmp_path / 'photos' / name).parent.mkdir(parents=True)
    photo, written = gathered(tmp_path, name, Image.fromarray(picture(4000, 1000)))
    assert written.shape == (LONG_SIDE // 4, LONG_SIDE, 3)
    assert photo == Photo(name, LONG_SIDE // 4, LONG_SIDE, LONG_SIDE / 4000)
    small = cv2.cvtColor(picture(LONG_SIDE, LONG_SIDE // 4), cv2.COLOR_RGB2BGR)
    assert np.abs(written.astype(int) - small).mean() < 4


@pytest.mark.parametrize('mode', ['L', 'P', 'RGBA', 'LA', 'CMYK'])
def test_photos_of_any_kind_become_colour(tmp_path, mode):
    suffix = 'jpg' if mode == 'CMYK' else 'png'
    image = Image.fromarray(picture(2000, 40)).convert(mode)
    assert gathered(tmp_path, f'a.{suffix}', image)[1].shape == (32, LONG_SIDE, 3)


def test_small_upright_photos_stay_what_they_are_to_the_byte(tmp_path):
    gathered(tmp_path, 'a.jpg', Image.fromarray(picture(90, 60)), quality=30)
    assert (tmp_path / 'out' / 'a.jpg').read_bytes() == (tmp_path / 'photos/a.jpg').read_bytes()


def test_what_was_found_is_read_as_it_was_written(tmp_path):
    found = Gathered([Photo('ä/1.jpg', 3, 4, .5)], {'b.jpg': 'cut off'})
    found.write(tmp_path / 'photos.json')
    assert Gathered.read(tmp_path / 'photos.json') == found


names = st.lists(st.text('abc/1', min_size=1, max_size=4), unique=True, min_size=2, max_size=40)


@given(names, st.data())
def test_photos_are_split_by_their_names(photos, data):
    kinds = [data.draw(st.sampled_from([TEXT, NONE, IGNORED])) for _ in photos]
    seen = dict(zip(photos, kinds))
    texts = [name for name in photos if seen[name] is TEXT]
    if len(texts) < 2:
        with pytest.raises(ValueError, match='two are needed'):
            split(photos, seen, None)
        return
    parts = split(photos, seen, None)
    assert sorted([*parts.train, *parts.held_out, *parts.without_text]) == sorted(photos)
    assert set(parts.train) <= set(texts) and parts.train and not parts.unlabelled
    assert set(parts.held_out) & set(texts)
    again = split(photos[::-1], seen, None)
    assert set(again.held_out) == set(parts.held_out)


@given(names, st.data())
def test_beside_labels_others_are_the_teachers(photos, data):
    labels = {name: TEXT for name in data.draw(st.lists(
        st.sampled_from(photos), unique=True, min_size=2))}
    seen = {name: data.draw(st.sampled_from([TEXT, NONE])) for name in photos}
    parts = split(photos, seen, labels)
    assert {*parts.train, *parts.held_out} == labels.keys()
    assert set(parts.unlabelled) == {name for name in photos
                                     if name not in labels and seen[name] is TEXT}


def test_a_fifth_is_held_out_at_least_one_and_not_too_many():
    for number, expected in ((2, 1), (9, 1), (10, 2), (100, 20), (5000, MOST)):
        assert len(held_out_of(f'{i}.jpg' for i in range(number))) == expected
    few, many = ({f'{i}.jpg' for i in range(number)} for number in (50, 51))
    assert len(held_out_of(few) ^ held_out_of(many)) <= 2  # another photo hardly changes it


def labels_file(folder, instances, name='a.jpg'):
    path = folder / 'gt.json'
    path.write_text(json.dumps(dict(metainfo={}, data_list=[
        dict(img_path=name, instances=instances)])))
    return str(path)


def test_labels_shrink_with_their_photos(tmp_path):
    instances = [dict(polygon=[0, 0, 100, 0, 100, 40, 0, 40], ignore=True),
                 dict(bbox=[20, 10, 60, 30])]
    found = read_labels(labels_file(tmp_path, instances), [Photo('a.jpg', 50, 100, .5)], print)
    assert [one['polygon'] for one in found['a.jpg']] == [
        [0, 0, 50, 0, 50, 20, 0, 20], [10, 5, 30, 5, 30, 15, 10, 15]]
    assert [one['ignore'] for one in found['a.jpg']] == [True, False]
    assert found['a.jpg'][1]['bbox'] == [10, 5, 30, 15]


@pytest.mark.parametrize('instance, says', [
    (dict(bbox=[0, 0, 60, 180]), '100 wide and 50 high as viewers show it'),
    (dict(text='no box'), 'has no polygon'),
    (dict(polygon=[1, 2, 3]), 'has no polygon'),
])
def test_labels_that_do_not_fit_their_photo_are_refused(tmp_path, instance, says):
    with pytest.raises(ValueError, match=says):
        read_labels(labels_file(tmp_path, [instance]), [Photo('a.jpg', 25, 50, .5)], print)


def test_boxes_of_a_file_are_scored_as_mmocr_does():
    def box(x, ignore=False):
        return dict(polygon=[x, 0, x + 20, 0, x + 20, 10, x, 10], ignore=ignore, score=.9)

    truth = {'a': [box(0), box(50), box(100, ignore=True)], 'b': [box(0)], 'c': []}
    found = {'a': [box(0), box(100), box(200)], 'c': [box(0)]}
    scores = boxes_scored(found, truth)
    assert scores['recall'] == pytest.approx(1 / 3)
    assert scores['precision'] == pytest.approx(1 / 3)  # what lies on ignored text does not count


@pytest.mark.parametrize('unlabelled', [False, True])
@pytest.mark.parametrize('student', STUDENTS)
def test_configs_say_what_was_planned(tmp_path, student, unlabelled):
    start = start_of(student, tmp_path) if student != 'efficientnet-lite0' else Start({}, '')
    teacher = dict(type='OnnxTeacher', model='rapidocr')
    text = DetectorRecipe(student, start, teacher, 7, 3, ['own.teacher'],
                          unlabelled=unlabelled).text
    text = text.replace("['mmocr_kd', 'own.teacher']", "['mmocr_kd']")
    assert max(map(len, text.splitlines())) < 160 and text.count('\n') < 60
    (tmp_path / 'config.py').write_text(text)
    cfg = Config.fromfile(tmp_path / 'config.py')
    hook, loader = cfg.custom_hooks[0], cfg.train_dataloader
    assert hook.teacher == dict(type='CachedTeacher', store=f'{tmp_path}/cache', teacher=teacher)
    assert (hook.loss.entropy_weight, hook.loss.kd_weight, hook.loss.mask) == (5, 5, 'teacher')
    assert loader.sampler.groups * sum(loader.sampler.ratios) == 25 * loader.batch_size
    assert len(loader.dataset.datasets) == len(loader.sampler.ratios) == 1 + unlabelled
    assert cfg.val_dataloader.dataset.ann_file == f'{tmp_path}/held_out.json'
    assert cfg.test_dataloader == cfg.val_dataloader
    assert cfg.train_cfg.max_epochs == cfg.param_scheduler[0].end == 7
    assert cfg.randomness.seed == 3
    assert cfg.model.det_head.module_loss.type == 'PreparedDBModuleLoss'
    assert cfg.get('load_from') == start.fields.get('load_from')


def test_a_config_that_distils_gives_its_teacher_and_what_it_imports(tmp_path):
    (tmp_path / 'own.py').write_text(
        "custom_imports = dict(imports=['mmocr_kd', 'json'], allow_failed_imports=False)\n"
        "model = dict(type='DBNet')\n"
        "custom_hooks = [dict(type='MaskETDistillHook', teacher=dict(\n"
        "    type='CachedTeacher', store='there', teacher=dict(type='Own', size=3)))]\n")
    source = str(tmp_path / 'own.py')
    assert config_file.inner_teacher(source, None) == dict(type='Own', size=3)
    assert config_file.imports_of(source) == ['json']


def test_files_that_are_not_shipped_are_missed_in_words():
    with pytest.raises(FileNotFoundError, match='install it again'):
        shipped('configs/gone.py')
