"""The table of mean costs: what is in it, and that a checkpoint has that of its own weights."""
import copy
import os
import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.dist import get_rank
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from mmocr_kd.models.selectors import ResolutionSelector
from mmocr_kd.models.selectors.price_table import mean_costs

SCALES = [.3, .5, 1.]
IMAGES = [torch.full((3, 32, 64), value) for value in (-2., -.5, .1, .7, 1.9)]
COUNTS = {'by_epoch': True}


class Expecting(BaseModel):
    """Its predictions say which errors its selector expects."""

    def __init__(self, predicts='errors', tells=True):
        super().__init__()
        torch.manual_seed(0)
        self.selector = ResolutionSelector(SCALES, predicts, costs=[.1, .4, 1.], base_channels=8)
        self.selector.fc.weight.data.mul_(20)
        self.selector.fc.bias.data.sub_(.541)  # softplus begins at 1: further down it bends more
        self.tells = tells

    def forward(self, inputs, data_samples=None, mode='loss'):
        scores = self.selector(torch.stack(list(inputs)))
        if mode == 'loss':
            return {'loss': scores.sum()}
        return [BaseDataElement(metainfo={'dld_errors': row.tolist()} if self.tells else {})
                for row in scores]


class Images(torch.utils.data.Dataset):

    metainfo = {}

    def __len__(self):
        return len(IMAGES)

    def __getitem__(self, index):
        return {'inputs': IMAGES[index]}


class Nothing(BaseMetric):
    default_prefix = 'none'

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return {'score': 1.}


def runner(folder, model=None, epochs=1, **fields):
    loader = {'batch_size': 2, 'num_workers': 0, 'dataset': Images(),
              'sampler': {'type': 'DefaultSampler', 'shuffle': False}}
    return Runner(model or Expecting(), str(folder), **{
        'train_dataloader': loader, 'val_dataloader': copy.deepcopy(loader),
        'train_cfg': {**COUNTS, 'max_epochs': epochs}, 'val_cfg': {},
        'val_evaluator': {'type': Nothing}, 'log_level': 'ERROR', 'default_scope': 'mmocr',
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': 1e-3}},
        'default_hooks': {'checkpoint': {'type': 'CheckpointHook', 'interval': 1,
                                         'save_best': 'none/score', 'rule': 'greater'}},
        'custom_hooks': [{'type': 'BudgetTableHook'}],
        'experiment_name': f'budget-{folder.name}-{epochs}-{len(fields)}-{get_rank()}', **fields})


def table_of(model):
    with torch.no_grad():
        errors = model.eval().selector(torch.stack(IMAGES))
    return mean_costs(errors, model.selector.costs)


def saved(path):
    return torch.load(path, weights_only=False)['state_dict']['selector.mean_costs']


def test_filled_after_validation_and_saved_with_these_weights(tmp_path):
    """MMEngine saves before it validates: that checkpoint gets its table, too."""
    made = runner(tmp_path, epochs=2)
    made.train()
    model = made.model
    expected = table_of(model)
    assert len(expected.unique()) > 3
    torch.testing.assert_close(model.selector.mean_costs, expected)
    for epoch in (1, 2):
        own = Expecting()
        own.load_state_dict(torch.load(tmp_path / f'epoch_{epoch}.pth', weights_only=False)[
            'state_dict'])
        torch.testing.assert_close(own.selector.mean_costs, table_of(own))
    assert not torch.equal(saved(tmp_path / 'epoch_1.pth'), saved(tmp_path / 'epoch_2.pth'))
    best, = tmp_path.glob('best_*.pth')
    assert not saved(best).isnan().any()
    assert not list(tmp_path.glob('*.unfinished'))


def test_the_rest_of_a_checkpoint_stays(tmp_path):
    with_table, without = tmp_path / 'with', tmp_path / 'without'
    runner(with_table).train()
    runner(without, custom_hooks=[]).train()
    one, other = (torch.load(folder / 'epoch_1.pth', weights_only=False)
                  for folder in (with_table, without))
    assert one.keys() == other.keys() and one['meta']['iter'] == other['meta']['iter']
    assert saved(without / 'epoch_1.pth').isnan().all()
    for key, value in one['state_dict'].items():
        assert key == 'selector.mean_costs' or torch.equal(value, other['state_dict'][key])
    assert str(one['optimizer']) == str(other['optimizer'])


def test_iterations_and_resuming(tmp_path):
    loops = {'by_epoch': False, 'max_iters': 2, 'val_interval': 2}
    hooks = {'checkpoint': {'type': 'CheckpointHook', 'interval': 2, 'by_epoch': False}}
    runner(tmp_path, train_cfg=loops, default_hooks=hooks).train()
    table = saved(tmp_path / 'iter_2.pth')
    assert not table.isnan().any()
    again = runner(tmp_path, train_cfg={**loops, 'max_iters': 4}, default_hooks=hooks, resume=True)
    again.load_or_resume()
    torch.testing.assert_close(again.model.selector.mean_costs, table)
    again.train()
    torch.testing.assert_close(again.model.selector.mean_costs, table_of(again.model))


def test_a_checkpoint_of_other_weights_is_left_alone(tmp_path):
    """Saved after the first epoch, validated after the second."""
    hooks = {'checkpoint': {'type': 'CheckpointHook', 'interval': 1, 'save_begin': 0,
                            'max_keep_ckpts': 5}}
    loops = {**COUNTS, 'max_epochs': 3, 'val_interval': 2, 'val_begin': 2}
    runner(tmp_path, train_cfg=loops, default_hooks=hooks).train()
    assert saved(tmp_path / 'epoch_1.pth').isnan().all()
    assert not saved(tmp_path / 'epoch_2.pth').isnan().any()


def test_without_checkpoints(tmp_path):
    made = runner(tmp_path, default_hooks={'checkpoint': None})
    made.train()
    assert not made.model.selector.mean_costs.isnan().any()


def test_predictions_that_say_nothing(tmp_path):
    made = runner(tmp_path, Expecting(tells=False))
    made.train()
    assert made.model.selector.mean_costs.isnan().all()


@pytest.mark.parametrize('model, path', [(Expecting('logits'), 'selector'),
                                         (Expecting(), 'elsewhere')])
def test_nobody_expects_errors_there(tmp_path, model, path):
    with pytest.raises(ValueError, match=f"selector='{path}' of BudgetTableHook: Expecting has no"):
        runner(tmp_path, model, custom_hooks=[{'type': 'BudgetTableHook',
                                               'selector': path}]).train()


def _rank(rank, port, folder):
    os.environ.update(MASTER_ADDR='localhost', MASTER_PORT=str(port), RANK=str(rank),
                      WORLD_SIZE='2', LOCAL_RANK=str(rank))
    torch.set_num_threads(1)
    dist.init_process_group('gloo', rank=rank, world_size=2)
    import mmocr_kd  # noqa: F401
    made = runner(folder)
    made.model = MMDistributedDataParallel(made.model, find_unused_parameters=True)
    made.train()
    torch.save({'table': made.model.module.selector.mean_costs,
                'expected': table_of(made.model.module)}, folder / f'rank{rank}.pth')
    dist.destroy_process_group()


def test_two_processes_have_the_table_of_one(tmp_path):
    """Five images: the sampler shows one of them twice, and it must not count twice."""
    with socket.socket() as free:
        free.bind(('localhost', 0))
        port = free.getsockname()[1]
    mp.spawn(_rank, (port, tmp_path), nprocs=2)
    first, second = (torch.load(tmp_path / f'rank{rank}.pth') for rank in range(2))
    assert torch.equal(first['table'], second['table'])
    torch.testing.assert_close(first['table'], first['expected'])
    assert torch.equal(saved(tmp_path / 'epoch_1.pth'), first['table'])
