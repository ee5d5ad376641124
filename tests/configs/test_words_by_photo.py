"""Arms of configs/compare/kd-ltr_words.py: parts that share no word, one start, what differs."""
import json
from copy import deepcopy
from pathlib import Path

import cv2
import lmdb_files
import pytest
import tiny_photos
import torch
from config_zoo import CONFIGS, ROOT
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.runner.checkpoint import CheckpointLoader
from mmocr.registry import DATASETS, MODELS

from mmocr_kd.datasets.attach_readings import sharp_image
from mmocr_kd.datasets.parts import parts

START = 'crnn_quarter-vgg-lr-start_2k_words-by-photo'
AGAIN = 'crnn_quarter-vgg-lr-start-again_2k_words-by-photo'
LABELS = 'crnn_quarter-vgg-lr-labels_1k_words-by-photo'
NBEST = 'crnn_quarter-vgg-lr-nbest-ppocr_1k_words-by-photo'
STREET = 'crnn_quarter-vgg-lr-nbest-ppocr_1k_words-by-photo-street'
KD_LTR = 'crnn_quarter-vgg-lr_kd-ltr_1k_words-by-photo'
PSEUDO = 'crnn_quarter-vgg-lr-pseudo-ppocr_1k_words-by-photo-street'
WIDE_TEACHER = 'crnn_slim-vgg_pseudo-ppocr_4k_words-by-photo-street'
WIDE_LABELS = 'crnn_slim-vgg-lr-labels_1k_words-by-photo'
WIDE_KD_LTR = 'crnn_slim-vgg-lr_kd-ltr_1k_words-by-photo'
WIDE_PSEUDO = 'crnn_slim-vgg-lr-pseudo-ppocr_1k_words-by-photo-street'
VAL, TEST, TRAIN, ELSEWHERE = 11, 12, 13, 14  # photos of a seed each


def absolute(seed, repeat=1):
    """Entries about a seed's photos for a JSON file elsewhere."""
    cfg = tiny_photos.photos(seed, 1)
    data = json.loads((Path(cfg['data_root']) / cfg['ann_file']).read_text())['data_list']
    return [{**photo, 'img_path': f'{cfg["data_root"]}/{photo["img_path"]}'}
            for photo in data] * repeat


def write_json(path, photos):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(metainfo=dict(category=[]), data_list=photos)))


@pytest.fixture(scope='module')
def home(tmp_path_factory):
    """A folder in which the configs find small data of every kind."""
    root = tmp_path_factory.mktemp('words')
    (root / 'words').mkdir()
    known = [tiny_photos.photos(seed, 1) for seed in (VAL, TEST, TRAIN)]
    tiny_photos.write_words(root / 'words/icdar2015_train.lmdb', *known)
    lmdb_files.words(root / 'words/iiit5k_train.lmdb', [f'n{number}' for number in range(2000)])
    mini = root / 'icdar2015_mini'
    write_json(mini / 'textdet_val.json', absolute(TEST))
    write_json(mini / 'textdet_train.json', absolute(TEST, 150) + absolute(VAL, 100))
    street = tiny_photos.photos(ELSEWHERE, 1)
    boxes = [{**photo, 'img_path': Path(photo['img_path']).name} for photo in absolute(ELSEWHERE)]
    write_json(Path(street['data_root']) / 'textdet_words.json', boxes)
    (root / 'street').symlink_to(street['data_root'])
    for folder, file in (('street_words', 'labels'), ('embedded-words', 'textrecog_train')):
        words = [dict(img_path=f'{i}.png', instances=[dict(text=text)])
                 for i, text in enumerate(('one', 'two', 'four'))]
        write_json(root / 'data' / folder / f'{file}.json', words)
        for i in range(3):
            cv2.imwrite(str(root / f'data/{folder}/{i}.png'), lmdb_files.image(i))
    for name, of, steps in ((START, LABELS, 2000), (AGAIN, LABELS, 2000),
                            (WIDE_TEACHER, WIDE_LABELS, 4000)):
        student = Config.fromfile(CONFIGS[of]).model.student
        (root / f'work_dirs/{name}').mkdir(parents=True)
        torch.save(MODELS.build({**student, 'init_cfg': None}).state_dict(),
                   root / f'work_dirs/{name}/iter_{steps}.pth')
    return root


@pytest.fixture
def config(home, monkeypatch):
    """Load a config as in that folder."""
    monkeypatch.chdir(home)
    for name in ('WORDS', 'ICDAR2015_MINI', 'STREET'):
        monkeypatch.setenv(name, str(home / name.lower()))
    return lambda name: Config.fromfile(CONFIGS[name], format_python_code=False)


def names(dataset):
    return {sharp_image(part.get_data_info(i)) for part in parts(dataset)
            for i in range(len(part))}


def test_training_validation_and_test_share_no_word(config):
    train, val, test = (names(DATASETS.build(config(LABELS)[f'{part}_dataloader']['dataset']))
                        for part in ('train', 'val', 'test'))
    assert not train & val and not train & test and not val & test
    assert len({name for name in train | val | test if 'iiit5k' in name}) == 2000
    texts = [len(tiny_photos.words(tiny_photos.photos(seed, 1))[1]) for seed in (VAL, TEST, TRAIN)]
    assert [sum('icdar2015' in name for name in part) for part in (val, test)] == texts[:2]
    assert sum('icdar2015' in name for name in train) <= texts[2]


def test_arms_differ_in_teacher_losses_and_the_other_half(config):
    labels, nbest, street, pseudo = (config(name) for name in (LABELS, NBEST, STREET, PSEUDO))
    for key in ('train_cfg', 'optim_wrapper', 'param_scheduler', 'val_dataloader',
                'test_dataloader', 'test_evaluator'):
        assert labels[key] == nbest[key] == street[key] == pseudo[key]
    assert labels.train_dataloader == nbest.train_dataloader
    assert labels.model == pseudo.model and nbest.model == street.model
    assert labels.model.student == nbest.model.student
    for cfg in (street, pseudo):
        assert cfg.train_dataloader.dataset.datasets[:2] == labels.train_dataloader.dataset.datasets
        assert cfg.train_dataloader.sampler.ratios == [3, 1, 4]
    assert labels.train_dataloader.sampler.ratios == [3, 1]
    kd_ltr = config('crnn_quarter-vgg-lr_kd-ltr_1k_words-by-photo')
    assert kd_ltr.train_dataloader == labels.train_dataloader
    assert kd_ltr.model.losses.hard == labels.model.losses.hard


def test_wide_arms_differ_from_the_others_in_student_and_start(config):
    for wide, other in ((WIDE_LABELS, LABELS), (WIDE_KD_LTR, KD_LTR), (WIDE_PSEUDO, PSEUDO)):
        wide, other = config(wide).to_dict(), config(other).to_dict()
        assert wide['model']['student'] == config(WIDE_LABELS).model.student
        for cfg in (wide, other):
            del cfg['model']['student'], cfg['student']
            cfg.pop('teacher', None)
            cfg['model'].pop('teacher', None)
        assert wide == other


def test_wide_student_is_as_its_teacher_and_starts_from_it(config):
    teacher, student = config(WIDE_TEACHER).model.student, config(WIDE_KD_LTR).model.student
    assert teacher.init_cfg.checkpoint == 'mmocr_kd://crnn_slim-vgg_1k_scenes'
    assert student.init_cfg.checkpoint == config(WIDE_KD_LTR).model.teacher.checkpoint
    for model in (teacher, student):
        del model['init_cfg'], model.backbone['stem_pool']
    assert teacher == student


def test_the_teacher_takes_what_the_package_knows_of_photos(config):
    """All but the classifier, whose characters are others."""
    cfg = config(WIDE_TEACHER).model.student
    known = CheckpointLoader.load_checkpoint(cfg.init_cfg.checkpoint)['state_dict']
    model = MODELS.build(cfg)
    model.init_weights()
    same = {name for name, value in model.state_dict().items()
            if torch.equal(value, known[name].to(value))}
    assert {name for name in known if name not in same} == {
        name for name, value in model.state_dict().items() if value.shape != known[name].shape}
    assert len(known) - len(same) == 2


def test_table_has_these_arms():
    table = Config.fromfile(ROOT / 'compare/kd-ltr_words.py')
    assert [Path(arm['config']).stem for arm in table.arms.values()] == [
        LABELS, NBEST, KD_LTR, STREET, PSEUDO]
    assert [arm.get('paired', True) for arm in table.arms.values()] == [
        True, True, True, False, False]
    wide = Config.fromfile(ROOT / 'compare/kd-ltr-wide_words.py')
    assert [Path(arm['config']).stem for arm in wide.arms.values()] == [
        WIDE_LABELS, WIDE_KD_LTR, WIDE_PSEUDO]
    assert wide.cfg_options == table.cfg_options


def write_store(cfg):
    """As any OCR engine writes it."""
    folder = Path(cfg.model.teacher.store)
    cfg.model.teacher.teacher = None
    (folder / 'readings').mkdir(parents=True, exist_ok=True)
    (folder / 'manifest.json').write_text(json.dumps(
        {'format': 1, 'identity': {'teacher': 'mine'}, 'command': 'none'}))
    lines = [json.dumps({'image': name, 'readings': [['Abc', -.1], ['ab-c', -2.5]]})
             for name in names(DATASETS.build(deepcopy(cfg.train_dataloader.dataset)))]
    (folder / 'readings/mine.jsonl').write_text('\n'.join(lines) + '\n')


@pytest.mark.parametrize('name, others', [
    (AGAIN, 4), (LABELS, 0), (NBEST, 0), (STREET, 4), (PSEUDO, 4), (WIDE_TEACHER, 4),
    (WIDE_KD_LTR, 0)])
def test_trains(name, others, config, tmp_path):
    cfg = config(name)
    if 'store' in cfg.model.get('teacher', {}):
        write_store(cfg)
    cfg.merge_from_dict({
        'train_cfg.max_iters': 2, 'train_dataloader.batch_size': 8,
        'train_dataloader.num_workers': 0, 'train_dataloader.persistent_workers': False,
        'optim_wrapper.optimizer.lr': 0., 'optim_wrapper.optimizer.weight_decay': 0.,
        'param_scheduler': [],
        'val_cfg': None, 'val_dataloader': None, 'val_evaluator': None,
        'test_cfg': None, 'test_dataloader': None, 'test_evaluator': None})
    cfg.work_dir = str(tmp_path)
    runner = Runner.from_cfg(cfg)
    runner.train()
    logged = {key: values.data[0] for key, values in runner.message_hub.log_scalars.items()}
    assert len(logged['train/loss_hard']) == 2 and (logged['train/loss_hard'] > 0).all()
    assert ('train/loss_nbest' in logged) == ('nbest' in name)
    if 'nbest' in name:  # the second of the two readings has a character that it lacks
        assert (logged['train/nbest_kept'] > .5).all() and (logged['train/nbest_kept'] < 1).all()
    batch = next(iter(runner.train_dataloader))['data_samples']
    words = [sample.img_path for sample in batch]
    assert [sum(part in word for word in words) for part in ('icdar2015', 'iiit5k')] == [
        (8 - others) * 3 // 4, (8 - others) // 4]
    assert sum(not sample.get('labelled', True) for sample in batch) == (others if name == STREET
                                                                         else 0)
    started = CheckpointLoader.load_checkpoint(
        cfg.load_from if name == AGAIN else cfg.model.student.init_cfg.checkpoint)
    started = started.get('state_dict', started)
    trained = dict(runner.model.student.named_parameters())
    assert all(torch.equal(value, started[key].to(value)) for key, value in trained.items()
               if not (name == WIDE_TEACHER and key.startswith('decoder.decoder.1.embedding')))
