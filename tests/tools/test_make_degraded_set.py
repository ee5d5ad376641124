import json
import runpy
import sys
from pathlib import Path

import lmdb_files
import numpy as np
import pytest
from mmocr.registry import DATASETS
from PIL import Image

from mmocr_kd.datasets.words import open_lmdb

TOOL = Path(__file__).resolve().parents[2] / 'tools/make_degraded_set.py'


def run(monkeypatch, *args):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, args)])
    runpy.run_path(str(TOOL), run_name='__main__')


def build(kind, path, **fields):
    return DATASETS.build(dict(type=kind, ann_file=str(path), test_mode=True, **fields))


def test_words_become_the_set_that_a_test_pipeline_makes(tmp_path, monkeypatch, capsys):
    words = lmdb_files.words(tmp_path / 'words')
    run(monkeypatch, tmp_path / 'out', '--words', words, '--seed', 4)
    assert '6/6' in capsys.readouterr().out
    made = build('CheckedRecogLMDBDataset', words, pipeline=[
        dict(type='SynthesizeLR', scale=1), dict(type='PairedResize'),
        dict(type='TextDegradation', seed=4, seed_by_image=True)])
    written = build('TextZoomDataset', tmp_path / 'out')
    for index in range(6):
        for key in ('img', 'hr_img'):
            np.testing.assert_array_equal(written[index][key], made[index][key])
    with open_lmdb(tmp_path / 'out').begin() as transaction:
        settings = json.loads(bytes(transaction.get(b'made-with')))
    assert settings['pipeline'][-1]['seed'] == 4 and settings['layout'] == 'textzoom'


def test_rendered_words_become_pairs_without_any_download(tmp_path, monkeypatch):
    run(monkeypatch, tmp_path / 'out', '--embedded', 'val', '--num-images', 2, '--scale', 2,
        '--prob', 0)
    rendered = DATASETS.build(dict(type='EmbeddedTextRecogDataset', split='val', num_images=2,
                                   pipeline=[dict(type='LoadImageFromFile')]))
    pairs = build('TextZoomDataset', tmp_path / 'out')
    assert len(pairs) == len(rendered) > 3
    for pair, word in zip((pairs[i] for i in range(4)), rendered):
        np.testing.assert_array_equal(pair['hr_img'], word['img'])
        height, width = word['img'].shape[:2]
        small = Image.fromarray(word['img']).resize((round(width / 2), round(height / 2)),
                                                    Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(pair['img'], np.asarray(small))
        assert pair['instances'] == word['instances']


def test_chosen_degradations_of_small_images_alone(tmp_path, monkeypatch):
    words = lmdb_files.words(tmp_path / 'words', image_2=b'?')
    run(monkeypatch, tmp_path / 'out', '--words', words, '--layout', 'words', '--prob', 1,
        '--operations', 'median_blur', '--lr-size', 32, 8, '--on-error', 'skip')
    written = build('CheckedRecogLMDBDataset', tmp_path / 'out')
    assert len(written) == 5 and written[1]['instances'] == [dict(text="it's")]
    assert written[0]['img_shape'] == (8, 32)


@pytest.mark.parametrize('args, words', [
    ([], 'one of the arguments --words --embedded is required'),
    (['--words', 'a', '--embedded', 'val'], 'not allowed with'),
    (['--words', 'nowhere.lmdb'], 'nowhere.lmdb'),
    (['--embedded', 'val', '--operations', 'fog'], 'invalid choice'),
    (['--embedded', 'val', '--num-images', 1, '--prob', 2], 'prob=2'),
    (['--embedded', 'val', '--num-images', 1, '--scale', 0.5], 'scale=0.5'),
])
def test_bad_arguments_are_named_and_write_nothing(args, words, tmp_path, monkeypatch, capsys):
    with pytest.raises((SystemExit, ValueError, OSError)) as caught:
        run(monkeypatch, tmp_path / 'out', *args)
    assert words in str(caught.value) + capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_broken_words_stop_it_unless_they_may_be_skipped(tmp_path, monkeypatch):
    words = lmdb_files.words(tmp_path / 'words', image_2=b'?')
    with pytest.raises(OSError, match='image-000000002'):
        run(monkeypatch, tmp_path / 'out', '--words', words)
    assert not (tmp_path / 'out').exists()
