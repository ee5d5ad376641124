"""Runs of a seed see the same crops, whatever else happens in them."""
import json
import random

import imgaug
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmocr.registry import DATASETS, HOOKS, MODELS, TRANSFORMS

from mmocr_kd.datasets.transforms.random_state import next_numbers
from mmocr_kd.hooks.pairing_hook import Draw, SeededPipeline, start_digest

PAIRING = dict(type='PairingHook', interval=2)


@TRANSFORMS.register_module()
class RandomImage(BaseTransform):
    """An image of numbers from all generators; now and then nothing is left of it."""

    def __init__(self, lost=0.):
        self.lost = lost

    def transform(self, results):
        if random.random() < self.lost:
            return None
        return {'inputs': torch.tensor([results['number'], *next_numbers()])}


@DATASETS.register_module()
class NumberedImages(BaseDataset):
    """So many samples."""

    def __init__(self, length, first=0, lost=0.):
        self.length, self.first = length, first
        super().__init__(pipeline=[dict(type='RandomImage', lost=lost)])

    def load_data_list(self):
        return [dict(number=self.first + index) for index in range(self.length)]


@MODELS.register_module()
class Slope(BaseModel):
    """One weight."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(()))

    def forward(self, inputs, mode='tensor'):
        return {'loss': self.weight * torch.stack(list(inputs)).mean()}


class Watcher(Hook):
    """Notes images and what the main process would draw; draws itself, as a teacher may."""

    priority = 'VERY_LOW'

    def __init__(self, draws=0, stop=None):
        self.draws, self.stop, self.images, self.drawn = draws, stop, {}, {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.stop:
            raise KeyboardInterrupt
        self.images[runner.iter] = torch.stack(list(data_batch['inputs'])).numpy()
        state = torch.get_rng_state()
        self.drawn[runner.iter] = torch.rand(1).item()
        torch.set_rng_state(state)
        for _ in range(self.draws):
            np.random.rand(), random.random(), imgaug.random.seed(3)


EPOCHS = dict(by_epoch=True, max_epochs=4)
ITERS = dict(by_epoch=False, max_iters=10)
REPEATED = dict(type='RepeatDataset', times=2, dataset=dict(type='NumberedImages', length=3))
JOINED = dict(type='ConcatDataset', datasets=[dict(type='NumberedImages', length=3),
                                              dict(type='NumberedImages', length=4, first=10)])


def train(folder, watcher=None, loop=EPOCHS, workers=0, dataset=None, sampler='DefaultSampler',
          hook=PAIRING, **fields):
    watcher = watcher or Watcher()
    runner = Runner.from_cfg(Config(dict(
        model=dict(type='Slope'), work_dir=str(folder), experiment_name=folder.name,
        train_dataloader=dict(batch_size=2, num_workers=workers, persistent_workers=workers > 0,
                              collate_fn=dict(type='pseudo_collate'),
                              sampler=dict(type=sampler, shuffle=True),
                              dataset=dataset or dict(type='NumberedImages', length=5)),
        train_cfg=dict(loop), optim_wrapper=dict(optimizer=dict(type='SGD', lr=.1)),
        custom_hooks=[hook] if hook else [], default_scope='mmocr', log_level='ERROR',
        default_hooks=dict(checkpoint=dict(
            type='CheckpointHook', by_epoch=loop['by_epoch'],
            interval=2 if loop['by_epoch'] else 4)),
        randomness=dict(seed=3), **fields)))
    runner.register_hook(watcher)
    try:
        runner.train()
    except KeyboardInterrupt:
        pass
    return watcher


def same(one, other, steps=None):
    steps = one.images.keys() if steps is None else steps
    return all(np.array_equal(one.images[step], other.images[step]) for step in steps)


@pytest.mark.parametrize('loop, sampler', [(EPOCHS, 'DefaultSampler'), (ITERS, 'InfiniteSampler'),
                                           (ITERS, 'DefaultSampler')])
def test_images_depend_on_nothing_else(tmp_path, monkeypatch, loop, sampler):
    monkeypatch.setattr('time.sleep', lambda seconds: None)  # MMEngine waits between epochs
    dataset = dict(type='NumberedImages', length=5, lost=.2)
    fields = dict(loop=loop, sampler=sampler, dataset=dataset)
    plain = train(tmp_path / 'plain', **fields)
    assert len(plain.images) >= 10
    taught = train(tmp_path / 'taught', Watcher(draws=3), **fields)
    worked = train(tmp_path / 'worked', workers=2, **fields)
    assert same(plain, taught) and same(plain, worked)
    noted = [json.loads((tmp_path / name / 'pairing.json').read_text())
             for name in ('plain', 'taught', 'worked')]
    assert noted[0] == noted[1] == noted[2]
    assert [*noted[0]['steps']] == [str(step) for step in plain.images if step % 2 == 0]
    train(tmp_path / 'killed', Watcher(stop=7), **fields)
    resumed = train(tmp_path / 'killed', Watcher(), resume=True, **fields)
    assert min(resumed.images) > 0 and same(resumed, plain)
    assert json.loads((tmp_path / 'killed' / 'pairing.json').read_text()) == noted[0]


def test_every_draw_is_another_one(tmp_path):
    for dataset in (dict(type='NumberedImages', length=5), REPEATED, JOINED):
        for loop, sampler in ((EPOCHS, 'DefaultSampler'), (ITERS, 'InfiniteSampler')):
            seen = train(tmp_path / 'run', loop=loop, sampler=sampler, dataset=dataset)
            crops = np.concatenate([*seen.images.values()])
            assert len(np.unique(crops[:, 1])) == len(crops)


def test_seeds_differ(tmp_path):
    first = train(tmp_path / 'first')
    assert not same(first, train(tmp_path / 'other', hook=dict(PAIRING), dataset=dict(
        type='NumberedImages', length=6)))
    assert not same(first, train(tmp_path / 'without', hook=None))


def test_the_main_process_draws_as_if_no_image_had_been_made(tmp_path):
    """As for dropout: the same at each step, also of a training that is resumed."""
    dataset = dict(type='NumberedImages', length=5, lost=.3)
    here = train(tmp_path / 'here', dataset=dataset)
    there = train(tmp_path / 'there', Watcher(draws=2), dataset=dataset, workers=1)
    assert here.drawn == there.drawn and len({*here.drawn.values()}) == len(here.drawn)
    resumed = train(tmp_path / 'here', Watcher(), dataset=dataset, resume=True,
                    loop=dict(EPOCHS, max_epochs=5))
    assert resumed.drawn[12] not in here.drawn.values() and 11 not in resumed.drawn


def test_a_pipeline_that_raises_leaves_the_generators():
    def broken(results):
        random.random()
        raise ZeroDivisionError

    random.seed(1)
    expected = random.random()
    random.seed(1)
    with pytest.raises(ZeroDivisionError):
        SeededPipeline(broken, (0, ))({'sample_idx': Draw(3, (0, 0))})
    assert random.random() == expected


def test_plain_indices_are_seeded_by_the_worker():
    pipeline = SeededPipeline(lambda results: random.random(), (0, ))
    draws = []
    for seed in (1, 1, 2):
        np.random.seed(seed)
        draws.append(pipeline({'sample_idx': 3}))
    assert draws[0] == draws[1] != draws[2]


def test_starts_from_given_weights_once(tmp_path):
    start = tmp_path / 'start.pth'
    torch.save({'state_dict': {'weight': torch.tensor(7.)}}, start)
    hook = dict(PAIRING, start=str(start))
    train(tmp_path / 'run', Watcher(stop=0), hook=hook, resume=True)
    noted = json.loads((tmp_path / 'run' / 'pairing.json').read_text())
    model = Slope()
    model.weight.data.fill_(7)
    assert noted['start'] == start_digest(model)
    train(tmp_path / 'run', Watcher(stop=7), hook=hook, resume=True)
    start.unlink()  # it is not read again
    resumed = train(tmp_path / 'run', hook=hook, resume=True)
    assert min(resumed.images) == 6


def test_what_a_killed_writer_left_says_nothing(tmp_path):
    train(tmp_path / 'run', Watcher(stop=7))
    (tmp_path / 'run' / 'pairing.json').write_text('{"start": "ab')
    train(tmp_path / 'run', resume=True)
    noted = json.loads((tmp_path / 'run' / 'pairing.json').read_text())
    assert noted['start'] is None and [*noted['steps']] == ['6', '8', '10']


def test_one_rank_writes(tmp_path, monkeypatch):
    monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group=None: 1)
    hook = HOOKS.build(PAIRING)
    hook._file, hook._noted = tmp_path / 'pairing.json', {}
    hook._write()
    assert not hook._file.exists()


def test_interval():
    with pytest.raises(ValueError, match='interval=0'):
        HOOKS.build(dict(PAIRING, interval=0))
