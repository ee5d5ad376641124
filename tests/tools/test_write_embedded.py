import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmocr.datasets import OCRDataset

from mmocr_kd.datasets.embedded import SceneSpec, render_scene

ROOT = Path(__file__).resolve().parents[2]


def run(*args, **kwargs):
    return subprocess.run([sys.executable, ROOT / 'tools/write_embedded.py', *map(str, args)],
                          capture_output=True, text=True, **kwargs)


@pytest.mark.timeout(120)
def test_the_tool_writes_both_splits_and_says_so(tmp_path):
    done = run(tmp_path, '--train', 3, '--val', 0, '--test', 2, '--image-size', 128, 96,
               '--tasks', 'textdet', '--seed', 9, check=True)
    assert '3/3' in done.stdout and 'textdet_test.json' in done.stdout
    data = OCRDataset('textdet_train.json', data_root=str(tmp_path),
                      pipeline=[dict(type='LoadImageFromFile')])
    expected = render_scene(SceneSpec('train', 9, (128, 96)), 2).image
    np.testing.assert_array_equal(data[2]['img'], expected)
    assert not (tmp_path / 'textdet_val.json').exists()


@pytest.mark.timeout(120)
@pytest.mark.parametrize('args, words', [
    (['--image-size', 8, 8], 'image_size=(8, 8)'),
    (['--tasks', 'kie'], 'invalid choice'),
    (['--difficulty', 9], 'difficulty=9'),
])
def test_bad_arguments_are_named(args, words, tmp_path):
    done = run(tmp_path, *args)
    assert done.returncode != 0 and words in done.stderr
