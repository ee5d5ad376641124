import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmocr_kd.datasets.embedded.scene import rectify, render_scene, render_words
from mmocr_kd.datasets.embedded.spec import SPLITS, SceneSpec

ROOT = Path(__file__).resolve().parents[3]
DIGEST = """
import hashlib
import mmocr_kd
from mmocr_kd.datasets.embedded.scene import render_scene
from mmocr_kd.datasets.embedded.spec import SceneSpec
digest = hashlib.sha256()
for index in (5, 2, 9, 0):
    image, words = render_scene(SceneSpec('val', 3), index)
    digest.update(image.tobytes() + repr([(w.text, w.quad.tolist()) for w in words]).encode())
print(digest.hexdigest())
"""


def test_scenes_are_the_same_in_every_process():
    def digest(threads):
        env = dict(PYTHONPATH=f'{ROOT}:' + ':'.join(sys.path), OMP_NUM_THREADS=threads,
                   PYTHONHASHSEED=threads, PATH='/usr/bin:/bin')
        return subprocess.run([sys.executable, '-c', DIGEST], env=env, capture_output=True,
                              text=True, check=True).stdout.split()[-1]

    assert digest('1') == digest('2')


def test_scenes_do_not_depend_on_the_order_they_are_made_in():
    spec = SceneSpec()
    first = render_scene(spec, 4).image
    for index in (9, 1, 4):
        last = render_scene(spec, index).image
    np.testing.assert_array_equal(first, last)


@settings(max_examples=25)
@given(st.sampled_from(SPLITS), st.integers(0, 10**6), st.integers(64, 400), st.integers(64, 400))
def test_one_crop_per_readable_word(split, index, width, height):
    spec = SceneSpec(split, image_size=(width, height))
    scene = render_scene(spec, index)
    readable = [word for word in scene.words if not word.ignore]
    crops = render_words(spec, index)
    assert scene.image.shape == (height, width, 3)
    assert len(crops) == len(readable)
    for crop, word in zip(crops, readable, strict=True):
        assert crop.dtype == np.uint8 and min(crop.shape[:2]) >= 4
        assert not crop.flags.writeable
        np.testing.assert_array_equal(crop, rectify(scene.image, word.quad))


def test_rectify_of_an_upright_box_is_a_crop():
    image = cv2.GaussianBlur(np.random.default_rng(0).integers(
        0, 255, (100, 120, 3), dtype=np.uint8), (0, 0), 3)
    quad = np.array([[20, 30], [80, 30], [80, 50], [20, 50]], float)
    np.testing.assert_allclose(rectify(image, quad, margin=0.1).astype(int),
                               image[28:52, 18:82].astype(int), atol=1)


def test_rectify_straightens_rotated_text():
    image = np.zeros((200, 200, 3), np.uint8)
    quad = np.array([[60, 150], [60, 50], [80, 50], [80, 150]], float)
    cv2.circle(image, (70, 140), 5, (255, 255, 255), -1)
    crop = rectify(image, quad, margin=0)
    assert crop.shape == (20, 100, 3)
    rows, columns = np.nonzero(crop[..., 0])
    assert abs(rows.mean() - 10) < 1 and abs(columns.mean() - 10) < 1


def test_rectify_repeats_the_border_outside_the_image():
    image = np.full((40, 40, 3), 77, np.uint8)
    quad = np.array([[-10, -10], [50, -10], [50, 50], [-10, 50]], float)
    assert (rectify(image, quad) == 77).all()
