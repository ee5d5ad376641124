"""Runs the tool on small copies of the data sets and reads the result as training does."""
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


def run(*args):
    return subprocess.run([sys.executable, ROOT / 'tools/prepare_dataset.py', *map(str, args)],
                          capture_output=True, text=True)


@pytest.mark.timeout(120)
@pytest.mark.parametrize('name, make, base, images', [
    ('td500', write_td500, 'td500', dict(train=1, test=1)),
    ('tdtr', write_tdtr, 'tdtr', dict(train=2, test=1)),
    ('tdtr_db', write_tdtr_db, 'tdtr', dict(train=2, test=1)),
    ('casia10k', write_casia10k, 'casia10k', dict(train=1, test=1)),
])
def test_original_files_become_what_the_base_configs_read(name, make, base, images, tmp_path):
    make(tmp_path)
    done = run(name, '--data-root', tmp_path, '--nproc', 1)
    assert done.returncode == 0, done.stderr
    assert 'licence' in done.stdout
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


@pytest.mark.timeout(120)
def test_parallel_processes_report_malformed_lines(tmp_path):
    write_td500(tmp_path)
    (tmp_path / 'MSRA-TD500/train/IMG_0030.gt').write_text('0 0 10\n')
    done = run('td500', '--data-root', tmp_path, '--nproc', 2, '--splits', 'train')
    assert done.returncode != 0 and 'IMG_0030.gt, line 1' in done.stderr
    assert not (tmp_path / 'textdet_train.json').exists()


@pytest.mark.timeout(120)
@pytest.mark.parametrize('args, words', [
    (['nothing'], "'nothing' has no textdet.py"),
    (['td500', '--task', 'textrecog'], "'td500' has no textrecog.py"),
    (['td500', '--data-root', 'not/there'], 'not/there/MSRA-TD500/train is missing'),
])
def test_mistakes_are_named(args, words):
    done = run(*args)
    assert done.returncode != 0 and words in done.stderr
