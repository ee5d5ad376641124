import cv2
import mmcv
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmengine import fileio
from mmocr.registry import TRANSFORMS

from mmocr_kd.datasets.embedded.backend import image_path, render_path
from mmocr_kd.datasets.embedded.scene import render_scene, render_words
from mmocr_kd.datasets.embedded.spec import SceneSpec

SPEC = SceneSpec('test', 5, (160, 120), (10, 30), (2, 3))


@given(st.integers(0, 10**8), st.none() | st.integers(0, 200))
def test_paths_differ(index, word):
    others = {image_path(SPEC, index + 1, word), image_path(SPEC, index, (word or 0) + 1),
              image_path(SceneSpec(), index, word)}
    assert image_path(SPEC, index, word) not in others


def test_a_path_gives_the_scene_or_the_word():
    index = next(i for i in range(50) if len(render_words(SPEC, i)) > 1)
    scene, words = render_scene(SPEC, index), render_words(SPEC, index)
    np.testing.assert_array_equal(render_path(image_path(SPEC, index)), scene.image)
    np.testing.assert_array_equal(render_path(image_path(SPEC, index, 1)), words[1])


def test_mmocr_reads_the_path_as_it_reads_files():
    results = TRANSFORMS.build(dict(type='LoadImageFromFile'))(
        dict(img_path=image_path(SPEC, 3)))
    np.testing.assert_array_equal(results['img'], render_scene(SPEC, 3).image)
    assert results['img_shape'] == results['ori_shape'] == (120, 160)


def test_visualisation_hooks_can_read_it():
    data = fileio.get(image_path(SPEC, 3))
    np.testing.assert_array_equal(mmcv.imfrombytes(data), render_scene(SPEC, 3).image)
    gray = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert gray.shape == (120, 160)


@pytest.mark.parametrize('path, words', [
    ('embedded://', ['no image', 'embedded://train-s0']),
    ('embedded://foo/000001.bmp', ["'foo'", 'does not describe']),
    ('embedded://train-s0-8x8-h8to64-b2to6-d1.0/000001.bmp', ['image_size=(8, 8)']),
    (image_path(SPEC, 3) + '.png', ['no image']),
    (image_path(SPEC, 3, 99), ['readable words']),
])
def test_a_path_to_nothing_is_an_error_like_a_missing_file(path, words):
    with pytest.raises(FileNotFoundError) as caught:
        fileio.get(path)
    assert all(word in str(caught.value) for word in words), caught.value


def test_there_is_no_text_to_read():
    with pytest.raises(TypeError, match='image'):
        fileio.get_text(image_path(SPEC, 3))
