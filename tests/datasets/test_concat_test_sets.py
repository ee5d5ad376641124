"""Data sets that keep their own pipelines beside one for everything else."""
import lmdb_files
import pytest
from mmengine.config import ConfigDict
from mmocr.registry import DATASETS


def step(width):
    return [dict(type='Resize', scale=(width, 16)), dict(type='PackTextRecogInputs', meta_keys=())]


@pytest.fixture
def config(tmp_path):
    """Two sets, the second of which has a pipeline of its own."""
    parts = [dict(type='CheckedRecogLMDBDataset', ann_file=str(lmdb_files.words(tmp_path / name)))
             for name in ('a', 'b')]
    parts[1]['pipeline'] = step(24)
    return dict(type='ConcatTestSets', datasets=parts, pipeline=step(40))


def widths(data):
    return [data[i]['inputs'].shape[-1] for i in range(len(data))]


@pytest.mark.parametrize('read', [dict, ConfigDict])
def test_each_set_is_read_in_its_own_way(config, read):
    count = len(lmdb_files.TEXTS)
    assert widths(DATASETS.build(read(config))) == [40] * count + [24] * count


def test_scores_are_told_apart_as_with_mmocrs(config):
    theirs = dict(config, type='ConcatDataset', pipeline=[])
    ours, theirs = DATASETS.build(config), DATASETS.build(theirs)
    assert ours.metainfo == theirs.metainfo and len(ours) == len(theirs)
    assert ours.metainfo['cumulative_sizes'] == [6, 12]


def test_the_config_stays_as_it_was(config):
    before = repr(config)
    DATASETS.build(config)
    assert repr(config) == before
