"""Runs the tool on small copies of the data sets and reads the result as training does."""
import runpy
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmocr.registry import DATASETS

ROOT = Path(__file__).resolve().parents[2]
QUAD = [10, 20, 40, 20, 40, 25, 10, 25]


def write(root, image, note, content):
    for path in (root / image, root / note):
        path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(root / image), np.full((48, 64, 3), 90, np.uint8))
    (root / note).write_text(content, encoding='utf-8')


def write_td500(root):
    for split, number in (('train', 30), ('test', 59)):
        folder = f'MSRA-TD500/{split}/IMG_00{number}'
        write(root, f'{folder}.JPG', f'{folder}.gt', '0 0 10 20 30 5 0\n1 1 10 20 30 5 0\n')


def write_tdtr(root):
    write_td500(root)
    write(root, 'HUST-TR400/0001.jpg', 'HUST-TR400/0001.gt', '0 0 10 20 30 5 0\r\n')


def write_tdtr_db(root):
    line = ','.join(map(str, QUAD))
    for part, split in (('TD500', 'train'), ('TD500', 'test'), ('TR400', 'train')):
        folder = f'TD_TR/{part}/{split}'
        write(root, f'{folder}_images/a.jpg', f'{folder}_gts/a.jpg.txt', f'{line},0\n{line},1\n')


def write_casia10k(root):
    line = ','.join(map(str, QUAD))
    for split in ('train', 'test'):
        name = f'CASIA-10K/{split}/PAL0000{len(split)}'
        write(root, f'{name}.jpg', f'{name}.txt', f'{line},中国\n{line},###\n')


TOOL = ROOT / 'tools/prepare_dataset.py'


@pytest.fixture
def run(monkeypatch):
    """Run the tool in this process, which is quicker than in one of its own."""

    def run(*args):
        monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, args)])
        runpy.run_path(str(TOOL), run_name='__main__')

    return run


def test_it_runs_as_a_script(tmp_path):
    write_td500(tmp_path)
    subprocess.run([sys.executable, TOOL, 'td500', '--data-root', tmp_path], check=True)
    assert {path.name for path in tmp_path.glob('*.json')} == {
        'textdet_train.json', 'textdet_test.json'}


@pytest.mark.parametrize('name, make, base, images', [
    ('td500', write_td500, 'td500', dict(train=1, test=1)),
    ('tdtr', write_tdtr, 'tdtr', dict(train=2, test=1)),
    ('tdtr_db', write_tdtr_db, 'tdtr', dict(train=2, test=1)),
    ('casia10k', write_casia10k, 'casia10k', dict(train=1, test=1)),
])
def test_original_files_become_what_the_base_configs_read(name, make, base, images, run, tmp_path,
                                                         capfd):
    make(tmp_path)
    run(name, '--data-root', tmp_path, '--nproc', 1)
    assert 'licence N/A' in capfd.readouterr().out
    cfg = Config.fromfile(ROOT / f'configs/textdet/_base_/datasets/{base}.py')
    for split, count in images.items():
        fields = dict(cfg[f'{base}_textdet_{split}'], data_root=str(tmp_path),
                      pipeline=[dict(type='LoadImageFromFile')])
        dataset = DATASETS.build(fields)
        assert len(dataset) == count and dataset.metainfo['task_name'] == 'textdet'
        sample = dataset[0]
        assert sample['img'].shape == (48, 64, 3)
        assert (sample['height'], sample['width']) == (48, 64)
        assert [instance['ignore'] for instance in sample['instances']] == [False, True]
        for instance in sample['instances']:
            assert instance['polygon'] == QUAD and instance['bbox'] == [10, 20, 40, 25]
            assert instance['bbox_label'] == 0


MMOCR_STYLE = """
data_root = 'data/mine'
train_preparer = dict(
    gatherer=dict(type='PairGatherer', img_suffixes=['.jpg'],
                  rule=[r'img_(\\d+)\\.jpg', r'gt_img_\\1.txt']),
    parser=dict(type='ICDARTxtTextDetAnnParser', encoding='utf-8-sig'),
    packer=dict(type='TextDetPacker'),
    dumper=dict(type='JsonDumper'))
config_generator = dict(type='TextDetConfigGenerator')
"""


def test_mmocrs_zoo_works_and_leaves_the_current_folder_alone(run, tmp_path, monkeypatch):
    zoo, data, here = tmp_path / 'zoo', tmp_path / 'data', tmp_path / 'here'
    for folder in (zoo / 'mine', here):
        folder.mkdir(parents=True)
    (zoo / 'mine/textdet.py').write_text(MMOCR_STYLE)
    write(data, 'textdet_imgs/train/img_1.jpg', 'annotations/train/gt_img_1.txt',
          ','.join(map(str, QUAD)) + ',text\n')
    monkeypatch.chdir(here)
    run('mine', '--dataset-zoo-path', zoo, '--data-root', data)
    dataset = DATASETS.build(
        dict(type='OCRDataset', ann_file='textdet_train.json', data_root=str(data)))
    assert dataset[0]['instances'][0]['polygon'] == QUAD
    assert not list(here.iterdir())


def test_parallel_processes_report_malformed_lines(run, tmp_path):
    write_td500(tmp_path)
    (tmp_path / 'MSRA-TD500/train/IMG_0030.gt').write_text('0 0 10\n')
    with pytest.raises(ValueError, match=r'IMG_0030\.gt, line 1'):
        run('td500', '--data-root', tmp_path, '--nproc', 2, '--splits', 'train')
    assert not (tmp_path / 'textdet_train.json').exists()


@pytest.mark.parametrize('name, make, pattern', [
    ('td500', write_td500, '**/test/*.JPG'), ('casia10k', write_casia10k, '**/train/*.jpg')])
def test_an_image_that_is_cut_off_is_named_and_nothing_written(name, make, pattern, run, tmp_path):
    make(tmp_path)
    image, = tmp_path.glob(pattern)
    image.write_bytes(image.read_bytes()[:-100])
    split = image.parent.name
    with pytest.raises(ValueError, match=f'{image.name} is no readable image, or is cut off'):
        run(name, '--data-root', tmp_path, '--nproc', 1, '--splits', split)
    assert not (tmp_path / f'textdet_{split}.json').exists()


def test_annotations_that_are_there_are_left_alone(run, tmp_path):
    write_td500(tmp_path)
    (tmp_path / 'textdet_train.json').write_text('mended by hand')
    with pytest.raises(SystemExit, match="textdet_train.json exists.*leave 'train' out"):
        run('td500', '--data-root', tmp_path, '--nproc', 1)
    run('td500', '--data-root', tmp_path, '--nproc', 1, '--splits', 'val', 'test')
    assert (tmp_path / 'textdet_train.json').read_text() == 'mended by hand'
    assert (tmp_path / 'textdet_test.json').exists()


@pytest.mark.parametrize('args, words', [
    (['nothing'], "'nothing' has no textdet.py"),
    (['td500', '--task', 'textrecog'], "'td500' has no textrecog.py"),
    (['td500', '--data-root', 'not/there'], 'not/there/MSRA-TD500/train is missing'),
])
def test_mistakes_are_named(args, words, run):
    with pytest.raises((SystemExit, FileNotFoundError)) as caught:
        run(*args)
    assert words in str(caught.value)


def test_starts_in_a_fresh_process():
    """Nothing imported MMOCR's preparers before the stand-in for compiled operators is there."""
    tool = ROOT / 'tools' / 'prepare_dataset.py'
    done = subprocess.run([sys.executable, '-W', 'ignore', str(tool), '--help'],
                          capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0 and '--data-root' in done.stdout, done.stderr
