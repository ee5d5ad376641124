import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmocr_kd.datasets.embedded.spec import PER, SPLITS, UNITS, SceneSpec


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted).map(tuple)


paths = st.text(st.characters(codec='utf-8'), max_size=20) | st.just('a-b/words=c-unit=line')
specs = st.builds(
    SceneSpec, st.sampled_from(SPLITS), st.integers(0, 2**40),
    st.tuples(st.integers(64, 2000), st.integers(64, 2000)), pairs(6, 300), pairs(0, 20),
    st.floats(0, 2), st.sampled_from(PER), paths, paths, paths, st.sampled_from(UNITS))


@given(specs)
def test_the_name_holds_every_field(spec):
    assert SceneSpec.from_name(spec.name) == spec
    assert '/' not in spec.name and ':' not in spec.name


@given(specs, specs)
def test_different_specs_have_different_names(one, other):
    assert (one.name == other.name) == (one == other)


def test_names_of_data_sets_that_are_older_than_a_field_stay_as_they_were():
    old = 'test-s3-448x320-h18to26-b1to4-d0.5'
    assert SceneSpec('test', 3, (448, 320), (18, 26), (1, 4), 0.5).name == old
    assert SceneSpec.from_name(old).text_height_per == 'block'
    assert SceneSpec(text_height_per='image').name == 'train-s0-320x320-h8to64perimage-b2to6-d1.0'


def test_configs_may_use_lists_and_the_spec_is_still_hashable():
    spec = SceneSpec(image_size=[320, 240], text_height=[8, 32], num_blocks=[1, 2])
    assert hash(spec) == hash(pickle.loads(pickle.dumps(spec)))
    assert spec.image_size == (320, 240)


@pytest.mark.parametrize('field, value, error, words', [
    ('split', 'training', ValueError, ["split='training'", "'train'", "'val'", "'test'"]),
    ('seed', -1, ValueError, ['seed=-1', '>= 0']),
    ('seed', 0.5, ValueError, ['seed=0.5', 'integer']),
    ('seed', True, ValueError, ['seed=True', 'integer']),
    ('image_size', 320, TypeError, ['image_size=320', 'two integers']),
    ('image_size', (320, ), TypeError, ['image_size', 'two integers']),
    ('image_size', (320, 32), ValueError, ['image_size=(320, 32)', '64']),
    ('text_height', (8.5, 20), TypeError, ['text_height', 'two integers']),
    ('text_height', (5, 20), ValueError, ['text_height', '6']),
    ('text_height', (30, 20), ValueError, ['text_height=(30, 20)', 'smallest, largest']),
    ('num_blocks', (-1, 3), ValueError, ['num_blocks', '0']),
    ('num_blocks', (4, 3), ValueError, ['num_blocks=(4, 3)', 'smallest, largest']),
    ('unit', 'letter', ValueError, ["unit='letter'", "'word', 'line'"]),
    ('photos', 3, TypeError, ['photos=3', 'path']),
    ('difficulty', '1', TypeError, ["difficulty='1'", 'number']),
    ('difficulty', 2.1, ValueError, ['difficulty=2.1', '[0, 2]']),
    ('difficulty', float('nan'), ValueError, ['difficulty=nan', '[0, 2]']),
    ('text_height_per', 'page', ValueError, ["text_height_per='page'", "'block'", "'image'"]),
])
def test_bad_values_are_named(field, value, error, words):
    with pytest.raises(error) as caught:
        SceneSpec(**{field: value})
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize('name', [
    '', 'train', 'train-s0-320x320', 'foo-s0-320x320-h8to64-b2to6-d1.0',
    'train-s0-320x320-h8to64perblock-b2to6-d1.0', 'train-s0-320x320-h8to64per-b2to6-d1.0'])
def test_a_wrong_name_is_an_error(name):
    with pytest.raises(ValueError):
        SceneSpec.from_name(name)


def test_the_generator_depends_on_seed_split_and_index_only():
    def draw(split, seed, index, **other):
        return SceneSpec(split, seed, **other).rng(index).integers(2**60)

    numbers = [draw(split, seed, index) for split in SPLITS for seed in (0, 1, 2)
               for index in (0, 1, 2)]
    assert len(set(numbers)) == len(numbers)
    assert draw('val', 1, 2) == draw('val', 1, 2, image_size=(640, 480), difficulty=0)
    assert isinstance(SceneSpec().rng(0), np.random.Generator)
