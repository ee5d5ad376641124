from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.config import Config
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.runner import Runner, loops
from mmocr.registry import DATA_SAMPLERS, DATASETS, MODELS
from torch import nn

from mmocr_kd.datasets import ratio_sampler
from mmocr_kd.datasets.ratio_sampler import RatioSampler


@DATASETS.register_module()
class Numbers(BaseDataset):
    """As many samples as wanted; each is its index."""

    def __init__(self, size, **kwargs):
        self.size = size
        # Serialising collects garbage, which takes long where much has been imported.
        super().__init__(serialize_data=False, **kwargs)

    def load_data_list(self):
        return [{'inputs': torch.tensor([float(i)])} for i in range(self.size)]


def parts(*sizes):
    return ConcatDataset([Numbers(size) for size in sizes])


def sampler(sizes, ratios, rank=0, world=1, **fields):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ratio_sampler, 'get_dist_info', lambda: (rank, world))
        return RatioSampler(parts(*sizes), ratios, **{'seed': 3, **fields})


SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=3)


def part_of(index, sizes):
    return next(p for p in range(len(sizes)) if index < sum(sizes[:p + 1]))


@settings(max_examples=60)
@given(st.data(), SIZES, st.integers(1, 3))
def test_every_group_has_the_ratio_and_an_epoch_is_once_through_the_first_part(data, sizes, world):
    ratios = data.draw(st.lists(st.integers(1, 3), min_size=len(sizes), max_size=len(sizes)))
    epoch, seen = data.draw(st.integers(0, 5)), Counter()
    for rank in range(world):
        one = sampler(sizes, ratios, rank, world)
        one.set_epoch(epoch)
        indices = list(one)
        assert len(indices) == len(one)
        for start in range(0, len(indices), sum(ratios)):
            found = Counter(part_of(i, sizes) for i in indices[start:start + sum(ratios)])
            assert [found[p] for p in range(len(sizes))] == ratios
        seen.update(indices)
    first = [seen[i] for i in range(sizes[0])]
    assert min(first) >= 1 and max(first) - min(first) <= 1


@given(SIZES.filter(lambda sizes: len(sizes) > 1), st.integers(1, 2), st.integers(1, 12))
def test_other_parts_go_on_where_the_last_epoch_stopped(sizes, ratio, epochs):
    one, seen = sampler(sizes, [1] + [ratio] * (len(sizes) - 1)), Counter()
    for epoch in range(epochs):
        one.set_epoch(epoch)
        seen.update(one)
    for part in range(1, len(sizes)):
        start = sum(sizes[:part])
        often = [seen[i] for i in range(start, start + sizes[part])]
        assert max(often) - min(often) <= 1


@given(SIZES, st.integers(1, 2), st.integers(1, 12), st.integers(1, 9), st.integers(1, 2))
def test_an_epoch_of_so_many_groups(sizes, ratio, epochs, groups, world):
    """However few labels there are; then the first part goes on, too."""
    seen = Counter()
    for rank in range(world):
        one = sampler(sizes, [ratio] * len(sizes), rank, world, groups=groups)
        for epoch in range(epochs):
            one.set_epoch(epoch)
            indices = list(one)
            assert len(indices) == len(one) == -(-groups // world) * ratio * len(sizes)
            seen.update(indices)
    for part, size in enumerate(sizes):
        often = [seen[sum(sizes[:part]) + i] for i in range(size)]
        assert max(often) - min(often) <= 1


@pytest.mark.parametrize('groups', [0, 2.5, '8'])
def test_an_epoch_has_groups(groups):
    with pytest.raises(ValueError, match=f'groups={groups!r} must be an integer >= 1, or None'):
        sampler([2, 2], [1, 1], groups=groups)


def test_seed_and_epoch_say_all():
    def drawn(seed, epoch):
        one = sampler([8, 20], [1, 2], seed=seed)
        one.set_epoch(epoch)
        return list(one)

    assert drawn(1, 4) == drawn(1, 4)
    assert len({tuple(drawn(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4
    assert list(sampler([2, 4], [1, 1], shuffle=False)) == [0, 2, 1, 3]


@pytest.mark.parametrize('ratios', [[1], [1, 0], [1, .5], [1, 1, 1]])
def test_ratios_have_to_fit(ratios):
    with pytest.raises(ValueError, match='an integer >= 1 for each of the 2 parts'):
        sampler([2, 2], ratios)


def test_something_has_to_be_mixed():
    with pytest.raises(TypeError, match='this is a Numbers'):
        DATA_SAMPLERS.build({'type': 'RatioSampler', 'dataset': Numbers(3), 'ratios': [1]})


@MODELS.register_module()
class Listener(nn.Module):
    """Notes the batches it gets."""

    def __init__(self):
        super().__init__()
        self.batches, self.weight = [], nn.Parameter(torch.zeros(1))

    def train_step(self, data, optim_wrapper):
        self.batches.append([int(value) for value in data['inputs']])
        return {}


@pytest.mark.parametrize('by_epoch', [True, False])
def test_resumed_runs_draw_what_whole_ones_do(tmp_path, monkeypatch, by_epoch):
    monkeypatch.setattr(loops.time, 'sleep', lambda seconds: None)  # after each epoch

    def run(name, end, stop=None):
        loop = {'by_epoch': True, 'max_epochs': end} if by_epoch else {
            'by_epoch': False, 'max_iters': 3 * end}
        return Runner.from_cfg(Config({
            'model': {'type': 'Listener'}, 'work_dir': str(tmp_path / name), 'train_cfg': loop,
            'train_dataloader': {
                'batch_size': 4, 'num_workers': 0,
                'dataset': {'type': 'ConcatDataset', 'datasets': [
                    {'type': 'Numbers', 'size': 6}, {'type': 'Numbers', 'size': 7}]},
                'sampler': {'type': 'RatioSampler', 'ratios': [1, 1]}},
            'default_hooks': {'checkpoint': {'type': 'CheckpointHook', 'interval': 1 if by_epoch
                                             else 3, 'by_epoch': by_epoch}},
            'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': .1}}, 'default_scope': 'mmocr',
            'experiment_name': f'{name}{by_epoch}', 'log_level': 'ERROR', 'randomness': {'seed': 5},
            'resume': bool(stop), 'load_from': stop}))

    whole, first = run('whole', 4), run('parts', 2)
    whole.train()
    first.train()
    last = str(tmp_path / 'parts' / ('epoch_2.pth' if by_epoch else 'iter_6.pth'))
    rest = run('parts', 4, last)
    rest.train()
    assert len(whole.model.batches) == 12
    assert first.model.batches + rest.model.batches == whole.model.batches
