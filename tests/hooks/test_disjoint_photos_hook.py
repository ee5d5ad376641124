"""A training on validation photos, or with a part that knows them, does not start."""
from types import SimpleNamespace

import pytest
from mmocr.registry import DATASETS, HOOKS
from tiny_photos import photos, write_words


def start(train, val, **fields):
    loaders = [SimpleNamespace(dataset=DATASETS.build(cfg)) for cfg in (train, val)]
    runner = SimpleNamespace(train_dataloader=loaders[0], val_dataloader=loaders[1],
                             val_loop=True)
    HOOKS.build(dict(type='DisjointPhotosHook', **fields)).before_train(runner)


@pytest.fixture
def words(tmp_path):
    return write_words(tmp_path / 'words.lmdb', photos(1), photos(2))


def test_shared_photos():
    repeated = dict(type='RepeatDataset', times=2, dataset=photos(2))
    both = dict(type='ConcatDataset', datasets=[photos(1), repeated], verify_meta=False)
    start(both, photos(3))
    with pytest.raises(ValueError, match='^2 photos of the training data .* such as'):
        start(both, photos(2))


def test_words_on_validation_photos(words):
    start(photos(1), photos(3), words=[words])
    with pytest.raises(ValueError, match=r'words of .*words.lmdb.* are on photos of .*not_on'):
        start(photos(3), photos(1), words=[words])
    with pytest.raises(ValueError, match='Train that part with not_on'):
        start(photos(3), photos(1), words=[dict(words, not_on=[photos(2)])])
    start(photos(3), photos(1), words=[dict(words, not_on=[photos(1)])])


def test_a_training_without_validation_is_not_looked_at():
    runner = SimpleNamespace(val_loop=None)
    HOOKS.build(dict(type='DisjointPhotosHook')).before_train(runner)
