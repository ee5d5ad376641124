"""Two gloo processes on one machine, each with its own images: gradients agree."""
import os
import socket

import pytest
import tiny
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.logging import MessageHub
from mmengine.model import MMDistributedDataParallel
from mmocr.registry import MODELS

from mmocr_kd.distill import AutoWeight
from mmocr_kd.hooks import MaskETDistillHook

TERMS = [{'loss': {'type': 'MaskETLoss'}},
         {'loss': {'type': 'FitNetLoss'}, 'source': 'neck',
          'adaptor': {'type': 'ConvAdaptor', 'in_channels': 16, 'out_channels': 32}}]


def free_port():
    with socket.socket() as s:
        s.bind(('localhost', 0))
        return s.getsockname()[1]


class LoopOnly:
    """What the hook needs of a runner."""

    def __init__(self, model, hook):
        self.model, self.epoch, self.iter, self._train_loop = model, 0, 0, None
        self.hooks = [hook]


CASES = {'hook': {}, 'auto hook': {}, 'wrapper': {}, 'idle wrapper': {'start': 5}}


def one_rank(rank, port, spec, results):
    from mmengine.registry import init_default_scope
    init_default_scope('mmocr')
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR='localhost', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=2)
    hub = MessageHub.get_instance('ddp')  # stands for a Runner's
    hub.update_info_dict({'loop_stage': 'train', 'epoch': 0, 'iter': 0, 'max_epochs': 9})
    weights = {}
    for kind, schedule in CASES.items():
        results[kind, rank] = two_steps(rank, spec, kind, schedule, weights)
    results['weight', rank] = weights['auto hook', rank], solved(rank)
    dist.destroy_process_group()


def solved(rank):
    """A weight of which each rank knows another part."""
    features = torch.ones(2, 2, requires_grad=True) * 1
    task, term = (features.sum() * pull[rank] for pull in ((3., 4.), (0., 10.)))
    return AutoWeight(share=1.).step('t', [task], [term], features)


def two_steps(rank, spec, kind, schedule, weights):
    torch.manual_seed(0)
    cfg = tiny.dbnet_cfg()
    if 'wrapper' in kind:
        cfg.update(type='DBNetDistiller', teacher=spec, terms=TERMS, schedule=schedule)
    model = MODELS.build(cfg).train()
    wrapped = MMDistributedDataParallel(model, broadcast_buffers=False)
    if 'hook' in kind:
        term = {'loss_weight': 'auto', 'every': 1} if 'auto' in kind else {}
        hook = MaskETDistillHook(spec, schedule=schedule, terms=[term])
        hook.before_train(LoopOnly(wrapped, hook))
    for _ in range(2):  # the second step fails if the first left a parameter without gradient
        wrapped.zero_grad()
        data = model.data_preprocessor(tiny.batch(seed=rank), True)
        losses = wrapped(**data, mode='loss')
        model.parse_losses(losses)[0].backward()
    if 'weight_term0' in losses:
        weights[kind, rank] = losses['weight_term0'].item()
    return sorted(losses), {n: p.grad.clone() for n, p in model.named_parameters()}


@pytest.fixture(scope='module')
def results(tmp_path_factory):
    path = tmp_path_factory.mktemp('ddp') / 'teacher.pth'
    spec = tiny.checkpoint(path, tiny.dbnet_cfg(width=.5, neck=8))
    with mp.get_context('spawn').Manager() as manager:
        shared = manager.dict()
        mp.spawn(one_rank, (free_port(), spec, shared), nprocs=2)
        yield dict(shared)


@pytest.mark.parametrize('kind', CASES)
def test_ranks_agree(results, kind):
    (names, first), (_, second) = results[kind, 0], results[kind, 1]
    assert ('loss_kd' in names) == (kind != 'idle wrapper')
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(gradient.abs().sum() > 0 for gradient in first.values())


def test_weights_are_solved_for_together(results):
    """With the norms of the whole batch: 5 of the task and 10 of the term, in units of 2."""
    (ours, norms), (theirs, others) = results['weight', 0], results['weight', 1]
    assert ours == theirs > 0 and ours != 1
    assert norms == others == pytest.approx(.5)
