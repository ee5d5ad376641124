"""Two students in real runners: resumed, averaged, and on two processes."""
import os
import socket

import pytest
import tiny
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmocr.registry import DATASETS, MODELS
from torch.utils.data import Dataset

from mmocr_kd.hooks import EMATeacherHook

STUDENTS = [tiny.dbnet_cfg(), tiny.dbnet_cfg(width=.5)]
TERMS = [{'loss': {'type': 'BinaryKDLoss'}}]


@DATASETS.register_module()
class EightScenes(Dataset):
    """Images with a word each."""

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return {key: values[0] for key, values in tiny.batch(1, seed=index).items()}


def train(folder, epochs, *hooks, name='run', resume=False, **fields):
    runner = Runner.from_cfg(Config({
        'model': {'type': 'MutualDistiller', 'students': STUDENTS, 'terms': TERMS, **fields},
        'work_dir': str(folder / name), 'experiment_name': f'mutual-{name}-{epochs}',
        'train_dataloader': {'batch_size': 4, 'num_workers': 0, 'dataset': {'type': 'EightScenes'},
                             'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
        'train_cfg': {'by_epoch': True, 'max_epochs': epochs}, 'default_scope': 'mmocr',
        'optim_wrapper': {'optimizer': {'type': 'Adam', 'lr': .01}}, 'log_level': 'ERROR',
        'custom_hooks': list(hooks), 'resume': resume,
        'randomness': {'seed': 0, 'deterministic': True}}))
    runner.train()
    return torch.load(folder / name / f'epoch_{epochs}.pth', weights_only=False)


def test_resumes_equal_to_the_bit_with_the_average_of_the_first_as_teacher(tmp_path):
    hooks = {'type': 'EMATeacherHook'}, {'type': 'EMAHook'}
    teacher = {'type': 'EMATeacher', 'momentum': .6}
    whole = train(tmp_path, 2, *hooks, teacher=teacher, name='whole')
    train(tmp_path, 1, *hooks, teacher=teacher, name='halves')
    halves = train(tmp_path, 2, *hooks, teacher=teacher, name='halves', resume=True)
    for part in (whole, halves):
        (average, ) = part['ema_teachers']
        assert average['steps'] == 4
        MODELS.build(dict(STUDENTS[0])).load_state_dict(average['state_dict'])
    for states in zip(*([part['state_dict'], part['ema_teachers'][0]['state_dict']]
                        for part in (whole, halves))):
        assert all(value.equal(states[1][key]) for key, value in states[0].items())


def free_port():
    with socket.socket() as s:
        s.bind(('localhost', 0))
        return s.getsockname()[1]


def one_rank(rank, port, results):
    """Two steps of a mutual pair under the average of the first, each rank with its images."""
    from mmengine.registry import init_default_scope
    init_default_scope('mmocr')
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR='localhost', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=2)
    torch.manual_seed(0)
    model = MODELS.build({'type': 'MutualDistiller', 'students': STUDENTS, 'terms': TERMS,
                          'teacher': {'type': 'EMATeacher', 'momentum': .6}}).train()
    wrapped = MMDistributedDataParallel(model, broadcast_buffers=False)
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), .01))
    keeper = EMATeacherHook()
    model.init_weights()
    keeper.before_train(type('Run', (), {'model': wrapped, 'optim_wrapper': optimizer}))
    for step in range(2):  # the second fails if the first left a parameter without gradient
        wrapped.train_step(tiny.batch(seed=2 * step + rank), optimizer)
    saved = {}
    keeper.before_save_checkpoint(None, saved)
    results[rank] = {'average': saved['ema_teachers'][0], 'own': model.state_dict()}
    dist.destroy_process_group()


@pytest.fixture(scope='module')
def ranks():
    with mp.get_context('spawn').Manager() as manager:
        shared = manager.dict()
        mp.spawn(one_rank, (free_port(), shared), nprocs=2)
        yield dict(shared)


def test_ranks_have_the_same_students_and_the_same_average(ranks):
    parameters = dict(MODELS.build({'type': 'MutualDistiller', 'students': STUDENTS,
                                    'terms': TERMS}).named_parameters())
    for name in parameters:
        key = name.removeprefix('student.')
        assert ranks[0]['own'][key].equal(ranks[1]['own'][key]), key
    first, second = (rank['average'] for rank in (ranks[0], ranks[1]))
    assert first['steps'] == second['steps'] == 2
    assert all(value.equal(second['state_dict'][key])
               for key, value in first['state_dict'].items())


def test_the_averages_statistics_come_from_all_ranks(ranks):
    """Each rank saw other images: its own statistics differ, the teacher's do not."""
    key = next(key for key in ranks[0]['own'] if key.endswith('running_mean'))
    own = [rank['own'][key] for rank in (ranks[0], ranks[1])]
    assert not own[0].equal(own[1])
    average = ranks[0]['average']['state_dict'][key]
    assert not average.equal(own[0]) and not average.equal(own[1])
