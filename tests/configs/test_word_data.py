"""The data set configs of words read files of their layout, and survive being dumped."""
import inspect
from pathlib import Path

import config_zoo
import lmdb_files
import pytest
from mmengine.config import Config
from mmocr.registry import DATASETS, EVALUATOR

from mmocr_kd.datasets.transforms.degradation import OPERATIONS

BASES = Path(__file__).resolve().parents[2] / 'configs/textrecog/_base_/datasets'
STR = ('IC13_857', 'IC13_1015', 'IC15_1811', 'IC15_2077', 'CUTE80', 'SVT', 'SVTP')
TEXTS = [str(number) for number in range(205)]  # three blocks


def load(name, root=None, monkeypatch=None):
    if root is not None:
        monkeypatch.setenv(name.upper(), str(root))
    return Config.fromfile(BASES / f'{name}.py', format_python_code=False)


def data_sets(cfg):
    return {name: value for name, value in cfg.items()
            if isinstance(value, dict) and 'ann_file' in value}


def texts(dataset):
    return [dataset.get_data_info(i)['instances'][0]['text'] for i in range(len(dataset))]


@pytest.mark.parametrize('name', ['words', 'textzoom', 'str'])
def test_dump_is_the_same_config(name, tmp_path):
    cfg = load(name)
    (tmp_path / 'dumped.py').write_text(cfg.pretty_text)
    assert Config.fromfile(tmp_path / 'dumped.py').to_dict() == cfg.to_dict()
    roots = {data['data_root'] for data in data_sets(cfg).values()}
    assert roots == {f'data/{name}'}
    EVALUATOR.build(next(value for key, value in cfg.items() if key.endswith('_evaluator')))


def test_real_words_are_divided_in_blocks(tmp_path, monkeypatch):
    for file in ('icdar2015_train', 'iiit5k_train'):
        lmdb_files.words(tmp_path / f'{file}.lmdb', TEXTS)
    cfg = load('words', tmp_path, monkeypatch)
    for file in ('icdar2015', 'iiit5k'):
        train, val = (DATASETS.build(cfg[f'{file}_words_{split}']) for split in ('train', 'val'))
        assert sorted(texts(train) + texts(val), key=int) == TEXTS
        assert len({int(text) // 100 for text in texts(val)}) == 1
        assert val.test_mode and not train.test_mode


def test_textzooms_validation_words_are_no_training_words(tmp_path, monkeypatch):
    for name in ('train1', 'train2', 'test/easy', 'test/medium', 'test/hard'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        lmdb_files.pairs(tmp_path / name, TEXTS)
    cfg = load('textzoom', tmp_path, monkeypatch)
    built = {name: DATASETS.build(data) for name, data in data_sets(cfg).items()}
    assert sorted(built) == ['textzoom_easy', 'textzoom_hard', 'textzoom_medium', 'textzoom_train1',
                             'textzoom_train2', 'textzoom_val']
    assert not set(texts(built['textzoom_train2'])) & set(texts(built['textzoom_val']))
    assert len(built['textzoom_train1']) == len(built['textzoom_easy']) == 205
    assert 'hr_img' in built['textzoom_hard'][0]


def test_degraded_benchmarks_differ_in_the_small_image_only(tmp_path, monkeypatch):
    for name in STR:
        lmdb_files.words(tmp_path / name)
    cfg = load('str', tmp_path, monkeypatch)
    assert {data.ann_file for data in data_sets(cfg).values()} == set(STR)
    clean, degraded = (DATASETS.build(cfg[f'str_{kind}_test']) for kind in ('clean', 'degraded'))
    assert len(clean) == len(degraded) == 30 == len(cfg.str_evaluator.dataset_prefixes) * 6
    differ = 0
    for index in range(12):
        left, right = clean[index], degraded[index]
        assert left['inputs'].shape == (3, 16, 64) and left['hr_inputs'].shape == (3, 32, 128)
        assert (left['hr_inputs'] == right['hr_inputs']).all()
        differ += (left['inputs'] != right['inputs']).any().item()
        assert (right['inputs'] == degraded[index]['inputs']).all()
    assert differ >= 6


def test_all_fields_of_the_degradations_stand_in_the_config():
    step = next(s for s in load('str').str_degraded_pipeline if s.type == 'TextDegradation')
    assert list(step.operations) == list(OPERATIONS)
    for name, fields in step.operations.items():
        parameters = inspect.signature(OPERATIONS[name]).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        assert dict(fields) == defaults


def test_spotters_on_photos_do_not_know_their_words():
    """Their recogniser leaves out what it is tested on, and the hook is told the same."""
    spotter = config_zoo.load(config_zoo.CONFIGS[
        'dbnet-efficientnet-lite0_crnn-slim-vgg_multiscale_1e_icdar2015-mini'])
    name = spotter.model.recognizer.init_cfg.checkpoint.split('/')[1]
    learnt = config_zoo.load(config_zoo.CONFIGS[name]).train_dataloader.dataset.datasets[0].dataset
    (checked, ) = spotter.default_hooks.disjoint_photos.words
    tested = spotter.val_dataloader.dataset
    for words in (learnt, checked):
        assert words.ann_file == 'icdar2015_train.lmdb'
        assert [(photos.data_root, photos.ann_file) for photos in words.not_on] == [
            (tested.data_root, tested.ann_file)]


@pytest.mark.parametrize('name', [n for n in config_zoo.CONFIGS
                                  if 'crnn' in n and n.endswith('icdar2015-mini')
                                  and config_zoo.CONFIGS[n].parent.name == 'dld'])
def test_every_spotter_on_photos_is_checked(name):
    hooks = config_zoo.load(config_zoo.CONFIGS[name]).default_hooks
    assert hooks.disjoint_photos.type == 'DisjointPhotosHook' and hooks.disjoint_photos.words
