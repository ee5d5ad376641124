"""Whole trainings by MMEngine's runner: interrupted, resumed, averaged, on two processes."""
import copy
import os
import socket

import pytest
import tiny_recog
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import Runner
from mmocr.registry import MODELS

import mmocr_kd  # noqa: F401  (the second process has no conftest)

LOSSES = {
    'visual': {'type': 'VisualFocusLoss'},
    'semantic': {'type': 'SemanticContrastiveLoss', 'hidden_channels': 8, 'out_channels': 8},
    'logits': {'type': 'SoftLogitsLoss', 'alpha': 0.0},
    'hard': {'type': 'HardLabelLoss', 'loss_weight': 1.0},
}
PIPELINE = [
    {'type': 'LoadImageFromFile', 'color_type': 'grayscale'},
    {'type': 'LoadOCRAnnotations', 'with_text': True},
    {'type': 'FilterRecogText', 'charset': 'abcdefghijklmnopqrstuvwxyz', 'letter_case': 'lower',
     'oov': 'remove', 'empty': 'keep'},
    {'type': 'SynthesizeLR', 'scale': 1},
    {'type': 'PairedResize', 'lr_scale': (50, 16), 'hr_scale': (100, 32)},
    {'type': 'PackPairedTextRecogInputs'},
]


class PowerCut(Exception):
    pass


class Interrupt(Hook):
    """Stops in the middle of the second epoch."""

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.epoch == 1:
            raise PowerCut


@pytest.fixture(scope='module')
def teacher(tmp_path_factory):
    return tiny_recog.checkpoint(tmp_path_factory.mktemp('teacher') / 'teacher.pth',
                                 tiny_recog.crnn_cfg(low_res=False))


def distiller(teacher):
    return {'type': 'LowResRecognizerDistiller', 'student': tiny_recog.crnn_cfg(),
            'teacher': teacher, 'losses': LOSSES}


def train(teacher, folder, *hooks, **fields):
    cfg = Config({
        'default_scope': 'mmocr',
        'model': distiller(teacher),
        'train_dataloader': {
            'batch_size': 4, 'num_workers': 0,
            'sampler': {'type': 'DefaultSampler', 'shuffle': True},
            'dataset': {'type': 'EmbeddedTextRecogDataset', 'num_images': 2,
                        'image_size': (96, 96), 'pipeline': PIPELINE}},
        'train_cfg': {'by_epoch': True, 'max_epochs': 3},
        'optim_wrapper': {'optimizer': {'type': 'Adam', 'lr': 1e-3},
                          'clip_grad': {'max_norm': .25},
                          'paramwise_cfg': {'custom_keys': {'losses.semantic': {'lr_mult': 2}}}},
        'randomness': {'seed': 0},
        'log_level': 'ERROR',
        'experiment_name': f'{folder.parent.name}-{folder.name}-{len(hooks)}',
        'work_dir': str(folder),
        **fields,
    })
    runner = Runner.from_cfg(cfg)
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    return runner


def test_interrupted_and_resumed_training_ends_where_the_other_one_does(teacher, tmp_path):
    whole = train(teacher, tmp_path / 'whole')
    with pytest.raises(PowerCut):
        train(teacher, tmp_path / 'cut', Interrupt())
    resumed = train(teacher, tmp_path / 'cut', resume=True)
    first, second = (torch.load(tmp_path / name / 'epoch_3.pth', weights_only=True)
                     for name in ('whole', 'cut'))
    assert first['state_dict'].keys() == second['state_dict'].keys()
    assert any(key.startswith('losses.semantic.projector') for key in first['state_dict'])
    assert all(torch.equal(value, second['state_dict'][key])
               for key, value in first['state_dict'].items())
    moments = [saved['optimizer']['state'] for saved in (first, second)]
    assert all(torch.equal(moments[0][i]['exp_avg'], moments[1][i]['exp_avg'])
               for i in moments[0])
    assert whole.iter == resumed.iter


def test_rates_and_clipping_are_as_configured(teacher, tmp_path):
    runner = train(teacher, tmp_path / 'run', train_cfg={'by_epoch': True, 'max_epochs': 1})
    rates = {group['lr'] for group in runner.optim_wrapper.optimizer.param_groups}
    assert rates == {1e-3, 2e-3}
    assert 'train/grad_norm' in runner.message_hub.log_scalars


def test_averaged_student_is_saved_with_plain_keys(teacher, tmp_path):
    train(teacher, tmp_path / 'run', custom_hooks=[{'type': 'EMAHook'}])
    saved = torch.load(tmp_path / 'run' / 'epoch_3.pth', weights_only=True)
    plain = MODELS.build(tiny_recog.crnn_cfg())
    # EMAHook saves the averaged weights as the model's.
    plain.load_state_dict({key: value for key, value in saved['state_dict'].items()
                           if not key.startswith('losses.')})
    assert any(not torch.equal(value, saved['ema_state_dict'][f'module.{key}'])
               for key, value in saved['state_dict'].items())


# Student, semantic channels, images, whether some parameters get no gradient.
DDP_CASES = {
    'crnn': (tiny_recog.crnn_cfg, 512, {}, False),
    # The losses see the fused reading, not what the vision and language branches classify.
    'abinet': (tiny_recog.abinet_language_cfg, 64, {'channels': 3, 'size': (16, 64)}, True),
}


def one_rank(rank, port, teachers, results):
    from mmengine.registry import init_default_scope
    init_default_scope('mmocr')
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR='localhost', MASTER_PORT=str(port))
    dist.init_process_group('gloo', rank=rank, world_size=2)
    for name, teacher in teachers.items():
        results[name, rank] = two_steps(rank, name, teacher)
    dist.destroy_process_group()


def two_steps(rank, name, teacher):
    student, channels, images, unused = DDP_CASES[name]
    torch.manual_seed(0)
    cfg = {**distiller(teacher), 'student': student(), 'losses': copy.deepcopy(LOSSES)}
    cfg['losses']['semantic']['in_channels'] = channels
    model = MODELS.build(cfg).train()
    wrapped = MMDistributedDataParallel(model, broadcast_buffers=False,
                                        find_unused_parameters=unused)
    for _ in range(2):  # the second step fails if the first left a parameter unaccounted for
        wrapped.zero_grad()
        data = tiny_recog.pairs('hello', 'ab', seed=rank, **images)
        data = model.data_preprocessor(data, True)
        model.parse_losses(wrapped(**data, mode='loss'))[0].backward()
    return {key: p.grad.clone() for key, p in model.named_parameters() if p.grad is not None}


def test_two_processes_agree_on_gradients(teacher, tmp_path):
    abinet = tiny_recog.checkpoint(tmp_path / 'abinet.pth',
                                   tiny_recog.abinet_language_cfg(low_res=False))
    teachers = {'crnn': copy.deepcopy(teacher), 'abinet': abinet}
    with socket.socket() as s:
        s.bind(('localhost', 0))
        port = s.getsockname()[1]
    with mp.get_context('spawn').Manager() as manager:
        results = manager.dict()
        mp.spawn(one_rank, (port, teachers, results), nprocs=2)
        gradients = dict(results)
    for name in teachers:
        first, second = gradients[name, 0], gradients[name, 1]
        assert all(torch.equal(first[key], second[key]) for key in first)
        assert any(gradient.abs().sum() > 0 for gradient in first.values())
