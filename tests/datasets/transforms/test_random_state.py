"""Draws that belong to an image: to what it is, not to where it stands."""
import shutil

import lmdb_files
import numpy as np
import pytest
from mmocr.registry import DATASETS, TRANSFORMS
from torch.utils.data import DataLoader

from mmocr_kd.datasets.transforms.random_state import SampleDraws

STEPS = ['SynthesizeLR', 'TextDegradation']
TEXTS = [str(number) for number in range(30)]


def draw(step='SynthesizeLR', seed=0, **results):
    results.setdefault('img', lmdb_files.image(1))
    return SampleDraws(step, seed, True, None).generator(results).random(4).tolist()


def words(path, first=0, **fields):
    """Images of ``path`` with what two fixed steps drew for them."""
    steps = [dict(type='SynthesizeLR', scale=(1, 2.5), seed_by_image=True),
             dict(type='TextDegradation', prob=0.5, seed_by_image=True,
                  operations=dict(gaussian_blur={}, gaussian_noise={}))]
    return DATASETS.build(dict(type='CheckedRecogLMDBDataset', ann_file=str(path), pipeline=steps,
                               **fields))


def drawn(samples):
    return {int(sample['record']): (np.asarray(sample['img']).tobytes(),
                                    tuple(sample['degradations'])) for sample in samples}


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return lmdb_files.words(tmp_path_factory.mktemp('lmdb') / 'a', TEXTS)


def test_steps_that_share_a_seed_draw_independently():
    """Shared numbers made a word blurred if and only if it was shrunk little."""
    images = [np.full((2, 2, 3), number, np.uint8) for number in range(256)]
    left, right = (np.array([draw(step, img=image)[0] for image in images]) for step in STEPS)
    assert abs(np.corrcoef(left, right)[0, 1]) < 4 / 256**0.5
    together = ((left < 0.5) & (right < 0.5)).mean()
    assert abs(together - 0.25) < 4 * (0.25 * 0.75 / 256)**0.5


def test_seed_and_image_decide():
    assert draw() == draw() != draw(seed=1)
    assert draw() != draw(img=lmdb_files.image(2))
    assert draw(sample_idx=1) == draw(sample_idx=2)


def test_an_image_is_what_its_file_holds(tmp_path):
    content = lmdb_files.png(lmdb_files.image(1))
    (tmp_path / 'a.png').write_bytes(content)
    (tmp_path / 'b.png').write_bytes(content)
    (tmp_path / 'c.png').write_bytes(lmdb_files.png(lmdb_files.image(2)))
    first, moved, other = (draw(img_path=str(tmp_path / f'{name}.png')) for name in 'abc')
    assert first == moved != other
    assert first == draw(img_path=str(tmp_path / 'a.png'), img=lmdb_files.image(9))  # resized
    assert draw(img_path='made-up.jpg') == draw()


def test_the_numbers_are_the_same_for_ever():
    """Degraded test sets of two machines are one test set only if this holds."""
    assert draw(img=np.arange(12, dtype=np.uint8).reshape(2, 2, 3)) == [
        0.5515433357734195, 0.3571536621944862, 0.36708870657815895, 0.23485166744656316]


def test_splits_orders_workers_and_places_do_not_matter(path, tmp_path):
    whole = words(path)
    expected = drawn(whole[i] for i in range(len(whole)))
    assert len({scale for scale, _ in expected.values()}) == len(TEXTS)
    part = words(path, split='val', holdout=dict(share=0.3, block=5))
    assert 0 < len(part) < len(TEXTS)
    for samples in ((whole[i] for i in reversed(range(len(whole)))),
                    DataLoader(whole, batch_size=None, num_workers=2, shuffle=True),
                    (part[i] for i in range(len(part))),
                    words(shutil.copytree(path, tmp_path / 'moved'))):
        found = drawn(sample for sample, _ in zip(samples, range(30)))
        assert found and all(expected[record] == value for record, value in found.items())


def test_benchmarks_do_not_share_their_draws(path, tmp_path):
    other = lmdb_files.write(tmp_path / 'b', {
        'num-samples': b'30', **{f'image-{n:09d}': lmdb_files.png(lmdb_files.image(n + 500))
                                 for n in range(1, 31)}})
    first, second = (drawn(data[i] for i in range(30)) for data in (words(path), words(other)))
    same = sum(first[n][1] == second[n][1] for n in first)
    assert same < 20  # a third by chance: five outcomes, none and either a quarter


@pytest.mark.parametrize('name', STEPS)
def test_the_former_name_still_works_and_says_so(name):
    with pytest.warns(DeprecationWarning, match=f'{name}.seed_by_index is now .*seed_by_image'):
        step = TRANSFORMS.build(dict(type=name, seed_by_index=True))
    assert step.draws.by_image


@pytest.mark.parametrize('name', STEPS)
def test_training_draws_anew_by_default(name):
    assert not TRANSFORMS.build(dict(type=name)).draws.by_image


@pytest.mark.parametrize('name', STEPS)
def test_negative_seeds_are_named(name):
    with pytest.raises(ValueError, match='seed=-1'):
        TRANSFORMS.build(dict(type=name, seed=-1))
