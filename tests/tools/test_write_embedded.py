import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmocr.datasets import OCRDataset

from mmocr_kd.datasets.embedded import SceneSpec, render_scene

ROOT = Path(__file__).resolve().parents[2]


TOOL = ROOT / 'tools/write_embedded.py'


def test_pages_of_one_text_height_are_written_as_they_are_rendered(tmp_path, monkeypatch):
    args = ('--train', 2, '--val', 0, '--test', 0, '--tasks', 'textspotting', '--text-height-per',
            'image')
    monkeypatch.setattr(sys, 'argv', [str(TOOL), str(tmp_path), *map(str, args)])
    runpy.run_path(str(TOOL), run_name='__main__')
    data = OCRDataset('textspotting_train.json', data_root=str(tmp_path),
                      pipeline=[dict(type='LoadImageFromFile')])
    scene = render_scene(SceneSpec(text_height_per='image'), 1)
    np.testing.assert_array_equal(data[1]['img'], scene.image)
    assert [word['text'] for word in data[1]['instances']] == [word.text for word in scene.words]


def test_the_tool_writes_both_splits_and_says_so(tmp_path):
    args = (tmp_path, '--train', 3, '--val', 0, '--test', 2, '--image-size', 128, 96, '--tasks',
            'textdet', '--seed', 9)
    done = subprocess.run([sys.executable, TOOL, *map(str, args)], capture_output=True, text=True,
                          check=True)
    assert '3/3' in done.stdout and 'textdet_test.json' in done.stdout
    data = OCRDataset('textdet_train.json', data_root=str(tmp_path),
                      pipeline=[dict(type='LoadImageFromFile')])
    expected = render_scene(SceneSpec('train', 9, (128, 96)), 2).image
    np.testing.assert_array_equal(data[2]['img'], expected)
    assert not (tmp_path / 'textdet_val.json').exists()


@pytest.mark.parametrize('args, words', [
    (['--image-size', 8, 8], 'image_size=(8, 8)'),
    (['--tasks', 'kie'], 'invalid choice'),
    (['--difficulty', 9], 'difficulty=9'),
])
def test_bad_arguments_are_named_and_write_nothing(args, words, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), str(tmp_path), *map(str, args)])
    with pytest.raises((SystemExit, ValueError)) as caught:
        runpy.run_path(str(TOOL), run_name='__main__')
    assert words in str(caught.value) + capsys.readouterr().err
    assert not list(tmp_path.iterdir())
