import copy
import re
from functools import partial
from pathlib import Path

import pytest
import tiny
import tiny_spotter
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmocr.registry import DATASETS, HOOKS, MODELS, TRANSFORMS
from torch.utils.checkpoint import checkpoint
from torch.utils.data import Dataset

from mmocr_kd.adapters import draw_text_mask
from mmocr_kd.distill import RecordingError, TeacherOutputError
from mmocr_kd.hooks import MaskETDistillHook
from mmocr_kd.hooks.masket_distill_hook import _require_detector


@DATASETS.register_module()
class TinyTextDet(Dataset):
    """Images with one word each, as the detection pipeline packs them."""

    def __init__(self, polygons=((10, 15, 70, 15, 70, 39, 10, 39), ), ignored=None, length=8):
        self.polygons, self.ignored, self.length = polygons, ignored, length

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        data = tiny.batch(1, seed=index)
        data_sample = tiny.sample(self.polygons, self.ignored)
        return {'inputs': data['inputs'][0], 'data_samples': data_sample}


@DATASETS.register_module()
class PreparedTinyTextDet(TinyTextDet):
    """With targets, and without boxes, which are NumPy's here: MMEngine cannot compile these."""

    def __getitem__(self, index):
        data = TRANSFORMS.build({'type': 'DBTargets'})(super().__getitem__(index))
        del data['data_samples'].gt_instances.bboxes
        return data


class Spy(Hook):
    """Remembers where training began and what was logged, step by step."""

    def __init__(self):
        self.steps = []

    def before_train(self, runner):
        self.start = copy.deepcopy(runner.model)  # the copy must not drag the runner along

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.steps.append({key: value.item() for key, value in outputs.items()})


@pytest.fixture
def spec(tmp_path):
    return tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5, neck=8))


def hook(spec, **fields):
    return {'type': 'MaskETDistillHook', 'teacher': spec, **fields}


def build_runner(tmp_path, *hooks, model=None, dataset=None, name='run', epochs=2, **fields):
    cfg = {
        'model': copy.deepcopy(model or tiny.dbnet_cfg()),
        'work_dir': str(tmp_path / name),
        'train_dataloader': {
            'batch_size': 2, 'num_workers': 0, 'sampler': {'type': 'DefaultSampler',
                                                           'shuffle': False},
            'dataset': {'type': 'TinyTextDet', **(dataset or {})}},
        'train_cfg': {'by_epoch': True, 'max_epochs': epochs},
        'optim_wrapper': {'optimizer': {'type': 'SGD', 'lr': .01}},
        'custom_hooks': list(hooks),
        'default_scope': 'mmocr',
        'experiment_name': name,
        'log_level': 'ERROR',
        'randomness': {'seed': 0, 'deterministic': True},
        **fields
    }
    return Runner.from_cfg(Config(cfg))


def train(tmp_path, *hooks, **fields):
    spy = Spy()
    runner = build_runner(tmp_path, *hooks, **fields)
    runner.register_hook(spy)
    runner.train()
    return runner, spy.steps


def forward_hooks(model):
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


def test_registered_in_mmocr():
    assert HOOKS.get('MaskETDistillHook') is MaskETDistillHook


def test_adds_its_losses_to_the_detectors_own(tmp_path, spec):
    _, plain = train(tmp_path, name='plain', epochs=1)
    _, steps = train(tmp_path, hook(spec), epochs=1)
    assert set(steps[0]) - set(plain[0]) == {'loss_entropy', 'loss_kd'}
    assert steps[0]['loss_prob'] == pytest.approx(plain[0]['loss_prob'], rel=1e-6)
    parts = sum(v for key, v in steps[0].items() if key.startswith('loss_'))
    assert steps[0]['loss'] == pytest.approx(parts, rel=1e-5)
    assert steps[0]['loss_entropy'] > 0 and steps[0]['loss_kd'] > 0


def test_first_step_equals_the_loss_computed_by_hand(tmp_path, spec):
    spy, runner = Spy(), build_runner(tmp_path, hook(spec), epochs=1)
    runner.register_hook(spy, priority='HIGHEST')
    runner.train()
    student, items = spy.start, [runner.train_dataloader.dataset[i] for i in range(2)]
    data = tiny.prepared(student, {key: [item[key] for item in items] for key in items[0]})
    teacher = MODELS.build(copy.deepcopy(spec['config']))
    teacher.load_state_dict(torch.load(spec['checkpoint'])['state_dict'])
    mask = torch.zeros(2, 64, 96)
    mask[:, 15:40, 10:71] = 1
    with torch.no_grad():
        logits_s = student.det_head.binarize(student.extract_feat(data['inputs'])).squeeze(1)
        teacher.eval()
        logits_t = teacher.det_head.binarize(teacher.extract_feat(data['inputs'])).squeeze(1)
    expected = MODELS.build({'type': 'MaskETLoss'})(logits_s, logits_t, mask)
    for key, value in expected.items():
        assert spy.steps[0][key] == pytest.approx(value.item(), rel=1e-4)


def test_the_step_follows_the_gradient_of_task_and_distillation(tmp_path, spec):
    """One real SGD step with rate 1 is minus the gradient of the sum, computed by autograd."""
    spy, runner = Spy(), build_runner(
        tmp_path, hook(spec, loss={'type': 'MaskETLoss', 'kd_weight': 30., 'entropy_weight': 20.}),
        epochs=1, dataset={'length': 2}, optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 1.}})
    runner.register_hook(spy, priority='HIGHEST')
    runner.train()
    student, items = spy.start.train(), [runner.train_dataloader.dataset[i] for i in range(2)]
    data = tiny.prepared(student, {key: [item[key] for item in items] for key in items[0]})
    gradients = []
    for weight in (0, 1):  # without distillation, to see that it matters; with
        copied = copy.deepcopy(student)
        logits = []
        copied.det_head.binarize.register_forward_hook(
            lambda *call, logits=logits: logits.append(call[-1].squeeze(1)))
        own = copied(**copy.deepcopy(data), mode='loss')
        teacher = MODELS.build(copy.deepcopy(spec['config']))
        teacher.load_state_dict(torch.load(spec['checkpoint'])['state_dict'])
        teacher.eval()
        with torch.no_grad():
            theirs = teacher.det_head.binarize(teacher.extract_feat(data['inputs'])).squeeze(1)
        mask = draw_text_mask(data['data_samples'], theirs, (64, 96))
        loss = MODELS.build({'type': 'MaskETLoss', 'kd_weight': 30., 'entropy_weight': 20.})
        added = loss(logits[0], theirs, mask)
        (sum(own.values()) + weight * sum(added.values())).backward()
        gradients.append({name: p.grad for name, p in copied.named_parameters()})
    task, both = gradients
    for (name, before), after in zip(student.named_parameters(), runner.model.parameters()):
        torch.testing.assert_close(before - after, both[name], rtol=1e-3, atol=1e-5)
    assert any((both[name] - task[name]).abs().max() > 1e-2 for name in both)


def test_two_teachers_in_one_config_are_told_apart(tmp_path, spec):
    other = tiny.checkpoint(tmp_path / 'other.pth', tiny.dbnet_cfg(), seed=1)
    _, one = train(tmp_path, hook(spec), name='one', epochs=1)
    _, two = train(tmp_path, hook(other), name='two', epochs=1)
    _, both = train(tmp_path, hook(spec, schedule={'by_epoch': False, 'stop': 2}), hook(other),
                    name='both', epochs=1)
    for name in ('loss_kd', 'loss_entropy'):
        assert both[0][name] == pytest.approx(one[0][name], rel=1e-4)
        assert both[0][f'distill1.{name}'] == pytest.approx(two[0][name], rel=1e-4)
    parts = sum(value for key, value in both[0].items() if 'loss_' in key)
    assert both[0]['loss'] == pytest.approx(parts, rel=1e-5)
    # When the first rests, the second's curve goes on under its name.
    assert 'loss_kd' not in both[3] and 'distill1.loss_kd' in both[3]


def test_a_hook_that_fails_takes_the_others_off_too(tmp_path, spec):
    runner = build_runner(tmp_path, hook(spec), hook(spec, source='nowhere'))
    with pytest.raises(RecordingError, match='nowhere'):
        runner.train()
    assert forward_hooks(runner.model) == 0


def test_reentrant_checkpointing_of_the_recorded_part_is_refused(tmp_path, spec):
    class Checkpointing(Hook):
        def __init__(self, use_reentrant):
            self.use_reentrant = use_reentrant

        def before_train(self, runner):
            head, whole = runner.model.det_head, runner.model.det_head.forward
            head.forward = lambda *args, **kwargs: checkpoint(
                partial(whole, **kwargs), *args, use_reentrant=self.use_reentrant)

    def run(use_reentrant):
        spy, runner = Spy(), build_runner(tmp_path, hook(spec), epochs=1)
        runner.register_hook(spy)
        runner.register_hook(Checkpointing(use_reentrant))
        runner.train()
        return spy.steps

    with pytest.raises(RecordingError, match='use_reentrant=False'):
        run(True)
    _, plain = train(tmp_path, hook(spec), epochs=1)
    assert [step['loss_kd'] for step in run(False)] == pytest.approx(
        [step['loss_kd'] for step in plain], rel=1e-4)


def test_checkpoint_is_a_plain_dbnet(tmp_path, spec):
    runner, _ = train(tmp_path, hook(spec))
    state = torch.load(tmp_path / 'run' / 'epoch_2.pth', weights_only=True)['state_dict']
    MODELS.build(tiny.dbnet_cfg()).load_state_dict(state, strict=True)
    assert forward_hooks(runner.model) == 0


def test_the_teacher_is_a_guest(tmp_path, spec):
    runner = build_runner(tmp_path, hook(spec))
    distill = next(h for h in runner.hooks if isinstance(h, MaskETDistillHook))
    runner.train()
    teacher = distill.distiller.teachers[0].model
    saved = torch.load(spec['checkpoint'])['state_dict']
    assert all(torch.equal(value, saved[key]) for key, value in teacher.state_dict().items())
    assert not any(m.training for m in teacher.modules())
    guests = {id(p) for p in teacher.parameters()}
    optimised = {id(p) for group in runner.optim_wrapper.param_groups for p in group['params']}
    assert not guests & optimised
    assert not guests & {id(p) for p in runner.model.parameters()}


def test_student_batchnorm_sees_each_batch_once(tmp_path, spec):
    runner, steps = train(tmp_path, hook(spec))
    state = runner.model.state_dict()
    counts = {int(v) for key, v in state.items() if key.endswith('num_batches_tracked')}
    assert counts == {len(steps)}


def test_schedule_turns_it_on_and_off_and_skips_the_teacher(tmp_path, spec):
    runner = build_runner(
        tmp_path, hook(spec, schedule={'by_epoch': False, 'start': 2, 'stop': 5, 'warmup': 2}))
    distill = next(h for h in runner.hooks if isinstance(h, MaskETDistillHook))
    teacher = distill.distiller.teachers[0]
    calls, call = [], teacher.__class__.__call__

    class Counting(teacher.__class__):
        def __call__(self, *args):
            calls.append(runner.iter)
            return call(self, *args)

    teacher.__class__ = Counting
    spy = Spy()
    runner.register_hook(spy)
    runner.train()
    assert [i for i, step in enumerate(spy.steps) if 'loss_kd' in step] == [2, 3, 4]
    assert calls == [2, 3, 4]


def test_weight_scales_the_loss(tmp_path, spec):
    _, full = train(tmp_path, hook(spec), name='full', epochs=1)
    _, half = train(tmp_path, hook(spec, schedule={'warmup': 2}), name='half', epochs=1)
    assert half[0]['loss_kd'] == pytest.approx(full[0]['loss_kd'] / 2, rel=1e-5)


def test_epoch_schedules_need_an_epoch_loop(tmp_path, spec):
    runner = build_runner(tmp_path, hook(spec, schedule={'start': 1}),
                          train_cfg={'type': 'IterBasedTrainLoop', 'max_iters': 2})
    with pytest.raises(ValueError, match='by_epoch=False'):
        runner.train()


def test_copies_of_the_model_are_left_alone(tmp_path, spec):
    spy, runner = Spy(), build_runner(tmp_path, hook(spec), epochs=1)
    runner.register_hook(spy, priority='LOWEST')
    runner.train()
    losses = spy.start(**tiny.prepared(spy.start), mode='loss')
    assert 'loss_kd' not in losses and 'loss_prob' in losses


def test_hooks_are_removed_when_training_raises(tmp_path, spec):
    class Bomb(Hook):
        def after_train_iter(self, runner, **kwargs):
            assert forward_hooks(runner.model) > 0
            raise KeyboardInterrupt

    runner = build_runner(tmp_path, hook(spec))
    runner.register_hook(Bomb())
    with pytest.raises(KeyboardInterrupt):
        runner.train()
    assert forward_hooks(runner.model) == 0


def test_hooks_are_removed_when_the_teacher_is_missing(tmp_path, spec):
    runner = build_runner(tmp_path, hook({**spec, 'checkpoint': str(tmp_path / 'none.pth')}))
    with pytest.raises(FileNotFoundError, match='none.pth'):
        runner.train()
    assert forward_hooks(runner.model) == 0


@pytest.mark.parametrize('kind', ['PAN', 'PSE'])
def test_pan_and_pse(tmp_path, kind):
    cfg = tiny.pan_cfg(kind)
    spec = tiny.checkpoint(tmp_path / 'teacher.pth', tiny.pan_cfg(kind, width=.5))
    _, steps = train(tmp_path, hook(spec), model=cfg, epochs=1)
    assert all(step['loss_kd'] > 0 and step['loss_entropy'] > 0 for step in steps)


def test_a_feature_source_with_fitnet(tmp_path):
    spec = tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5))
    _, steps = train(tmp_path, hook(spec, loss={'type': 'FitNetLoss'}, source='neck'), epochs=1)
    assert steps[0]['loss_fitnet'] > 0


def test_gradient_accumulation(tmp_path, spec):
    runner, steps = train(tmp_path, hook(spec), optim_wrapper={
        'type': 'OptimWrapper', 'accumulative_counts': 2,
        'optimizer': {'type': 'SGD', 'lr': .01}})
    assert len(steps) == 8 and all(step['loss_kd'] > 0 for step in steps)


def test_ema_copy_has_neither_hooks_nor_teacher(tmp_path, spec):
    ema = {'type': 'EMAHook', 'momentum': .1}
    runner, _ = train(tmp_path, hook(spec), ema)
    copied = next(h for h in runner.hooks if type(h).__name__ == 'EMAHook').ema_model
    assert forward_hooks(copied) == 0
    saved = torch.load(tmp_path / 'run' / 'epoch_2.pth', weights_only=True)
    MODELS.build(tiny.dbnet_cfg()).load_state_dict(saved['state_dict'], strict=True)
    assert len(saved['ema_state_dict']) == len(saved['state_dict']) + 1


def test_under_autocast_losses_stay_float32(tmp_path, spec):
    class Autocast(Hook):  # AmpOptimWrapper insists on an accelerator
        def before_train(self, runner):
            self.context = torch.autocast('cpu', torch.bfloat16)
            self.context.__enter__()

        def after_train(self, runner):
            self.context.__exit__(None, None, None)

    _, exact = train(tmp_path, hook(spec), name='exact', epochs=1)
    spy, runner = Spy(), build_runner(tmp_path, hook(spec), epochs=1)
    runner.register_hook(spy)
    runner.register_hook(Autocast())
    runner.train()
    assert spy.steps[0]['loss_kd'] == pytest.approx(exact[0]['loss_kd'], rel=.05)


class TestTerms:
    """Several losses and teachers in one hook."""

    KD = {'loss': {'type': 'BinaryKDLoss'}, 'mask': 'none'}

    def test_each_has_teacher_mask_weight_and_schedule_of_its_own(self, tmp_path, spec):
        other = tiny.checkpoint(tmp_path / 'other.pth', tiny.dbnet_cfg(), seed=1)
        _, alone = train(tmp_path, hook(spec), name='alone', epochs=1)
        single = hook(other, loss={'type': 'BinaryKDLoss', 'mask': 'none'})
        _, second = train(tmp_path, single, name='second', epochs=1)
        _, both = train(tmp_path, hook(spec, terms=[{}, {
            **self.KD, 'teacher': other, 'loss_weight': 3.,
            'schedule': {'by_epoch': False, 'stop': 1}}]), name='both', epochs=1)
        for name in ('loss_kd', 'loss_entropy'):
            assert both[0][name] == pytest.approx(alone[0][name], rel=1e-5)
        assert both[0]['term1.loss_kd'] == pytest.approx(3 * second[0]['loss_kd'], rel=1e-5)
        assert 'term1.loss_kd' not in both[1] and 'loss_kd' in both[1]
        parts = sum(value for key, value in both[0].items() if 'loss_' in key)
        assert both[0]['loss'] == pytest.approx(parts, rel=1e-5)

    def test_a_teacher_of_two_terms_is_built_and_run_once(self, tmp_path, spec):
        runner = build_runner(tmp_path, hook(spec, terms=[{}, {**self.KD, 'teacher': dict(spec)}]))
        distill = next(h for h in runner.hooks if isinstance(h, MaskETDistillHook))
        teacher, = distill.distiller.teachers
        calls, call = [], teacher.__class__.__call__
        teacher.__class__ = type('Counting', (teacher.__class__, ), {
            '__call__': lambda self, *args: calls.append(1) or call(self, *args)})
        runner.train()
        assert len(calls) == runner.iter

    @pytest.mark.parametrize('fields, words', [
        ({'terms': []}, 'terms is empty'),
        ({'terms': [{}], 'loss': {'type': 'CWDLoss'}}, 'terms stands beside loss'),
        ({'terms': [{}], 'source': 'neck'}, "beside .*source='neck'"),
        ({'terms': [{'adaptor': {'type': 'ConvAdaptor'}}]}, 'DBNetDistiller'),
        ({'terms': [{}], 'teacher': None}, r'terms\[0\] has no teacher'),
        ({'terms': [{'loss_weight': 'best'}]}, "loss_weight='best'")])
    def test_contradictions_are_refused_when_built(self, spec, fields, words):
        with pytest.raises(ValueError, match=words):
            MaskETDistillHook(**{'teacher': spec, **fields})


class PowerCut(Exception):
    pass


class Interrupt(Hook):
    """Stops in the middle of the second epoch."""

    def after_train_iter(self, runner, *args, **kwargs):
        if runner.epoch == 1:
            raise PowerCut


class TestAutoWeight:
    """The weight that makes a term pull at the features as hard as wanted."""

    def hook(self, spec, **fields):
        term = {'loss': {'type': 'MaskETLoss'}, 'loss_weight': 'auto', **fields}
        return hook(spec, terms=[term])

    def test_pulls_at_what_the_head_sees_as_hard_as_wanted(self, tmp_path, spec):
        """By autograd, on the batch and the weights of the first step."""
        spy = Spy()
        runner = build_runner(tmp_path, self.hook(spec, share=.5), epochs=1)
        runner.register_hook(spy, priority='HIGHEST')
        runner.train()
        student, items = spy.start.train(), [runner.train_dataloader.dataset[i] for i in range(2)]
        data = tiny.prepared(student, {key: [item[key] for item in items] for key in items[0]})
        with torch.no_grad():
            teacher = MODELS.build(copy.deepcopy(spec['config']))
            teacher.load_state_dict(torch.load(spec['checkpoint'])['state_dict'])
            teacher.eval()
            theirs = teacher.det_head.binarize(teacher.extract_feat(data['inputs'])).squeeze(1)
        mask = draw_text_mask(data['data_samples'], theirs, (64, 96))
        features = student.extract_feat(data['inputs']).detach().requires_grad_()
        maps = student.det_head(features, data['data_samples'], mode='loss')
        added = MODELS.build({'type': 'MaskETLoss'})(maps[0], theirs, mask)
        own = student.det_head.module_loss(maps, data['data_samples'])
        task, term = (torch.autograd.grad(sum(losses.values()), features, retain_graph=True)[0]
                      for losses in (own, added))
        weight = .5 * task.norm().item() / term.norm().item()
        assert spy.steps[0]['weight_term0'] == pytest.approx(weight, rel=1e-3)
        assert spy.steps[0]['loss_kd'] == pytest.approx(
            weight * added['loss_kd'].item(), rel=1e-3)

    def test_is_logged_and_kept_between_solutions(self, tmp_path, spec):
        runner, steps = train(tmp_path, self.hook(spec, every=3))
        weights = [step['weight_term0'] for step in steps]
        assert weights[0] == weights[1] == weights[2] != weights[3] == weights[5] != weights[6]
        assert 'train/weight_term0' in runner.message_hub.log_scalars
        state = torch.load(tmp_path / 'run' / 'epoch_2.pth', weights_only=True)['state_dict']
        MODELS.build(tiny.dbnet_cfg()).load_state_dict(state, strict=True)

    def test_an_interrupted_training_goes_on_equal_to_the_bit(self, tmp_path, spec):
        whole, steps = train(tmp_path, self.hook(spec, every=3), name='whole', epochs=3)
        with pytest.raises(PowerCut):
            train(tmp_path, self.hook(spec, every=3), Interrupt(), name='cut', epochs=3)
        resumed, rest = train(tmp_path, self.hook(spec, every=3), name='cut', epochs=3, resume=True)
        for after, before in zip(rest, steps[4:]):
            assert after == before
        first, second = (torch.load(tmp_path / name / 'epoch_3.pth', weights_only=True)
                         for name in ('whole', 'cut'))
        assert all(torch.equal(value, second['state_dict'][key])
                   for key, value in first['state_dict'].items())

    def test_a_new_training_of_the_same_name_starts_anew(self, tmp_path, spec):
        _, first = train(tmp_path, self.hook(spec), epochs=1)
        _, second = train(tmp_path, self.hook(spec), epochs=1)
        assert first == second

    @pytest.mark.parametrize('kind', ['PAN', 'PSE'])
    def test_heads_of_one_layer_share_what_they_put_out(self, tmp_path, kind):
        teacher = tiny.checkpoint(tmp_path / 't.pth', tiny.pan_cfg(kind, width=.5))
        _, steps = train(tmp_path, self.hook(teacher), model=tiny.pan_cfg(kind), epochs=1)
        assert steps[0]['weight_term0'] not in (0, 1)

    def test_gradient_accumulation(self, tmp_path, spec):
        _, plain = train(tmp_path, self.hook(spec), name='plain', epochs=1)
        _, steps = train(tmp_path, self.hook(spec), epochs=1, optim_wrapper={
            'type': 'OptimWrapper', 'accumulative_counts': 2,
            'optimizer': {'type': 'SGD', 'lr': .01}})
        assert steps[0]['weight_term0'] == plain[0]['weight_term0']

    def test_under_autocast_it_is_about_the_same(self, tmp_path, spec):
        class Autocast(Hook):
            def before_train(self, runner):
                self.context = torch.autocast('cpu', torch.bfloat16)
                self.context.__enter__()

            def after_train(self, runner):
                self.context.__exit__(None, None, None)

        _, exact = train(tmp_path, self.hook(spec), name='exact', epochs=1)
        _, half = train(tmp_path, self.hook(spec), Autocast(), epochs=1)
        assert half[0]['weight_term0'] == pytest.approx(exact[0]['weight_term0'], rel=.2)


class TestBadInput:

    @pytest.mark.parametrize('dataset', [
        {'polygons': []},
        {'ignored': [True]},
        {'polygons': [[-90, -90, -50, -90, -50, -50, -90, -50]]},
    ])
    def test_a_batch_without_text_costs_nothing(self, tmp_path, spec, dataset):
        _, steps = train(tmp_path, hook(spec), dataset=dataset, epochs=1)
        assert all(step['loss_kd'] == 0 and step['loss_entropy'] == 0 for step in steps)

    def test_sizes_that_differ(self, tmp_path):
        spec = tiny.checkpoint(tmp_path / 'teacher.pth', tiny.pan_cfg('PSE'))
        with pytest.raises(TeacherOutputError, match=r'\(2, 64, 96\).*\(2, 16, 24\)'):
            train(tmp_path, hook(spec))

    @pytest.mark.parametrize('value', [float('nan'), float('inf')])
    def test_teacher_with_nan(self, tmp_path, spec, value):
        saved = torch.load(spec['checkpoint'])
        saved['state_dict']['det_head.binarize.6.bias'].fill_(value)
        torch.save(saved, spec['checkpoint'])
        with pytest.raises(TeacherOutputError, match='NaN or Inf.*tiny.png'):
            train(tmp_path, hook(spec))

    def test_detector_without_probability_map(self, tmp_path, spec):
        cfg = tiny.dbnet_cfg()
        cfg.update(type='FCENet', det_head={
            'type': 'FCEHead', 'in_channels': 16, 'fourier_degree': 2,
            'module_loss': {'type': 'FCEModuleLoss', 'fourier_degree': 2, 'num_sample': 10},
            'postprocessor': {'type': 'FCEPostprocessor', 'scales': (8, ), 'fourier_degree': 2,
                              'num_reconstr_points': 50,
                              'text_repr_type': 'quad'}})
        with pytest.raises(RecordingError, match='FCEHead.*no text probability map'):
            train(tmp_path, hook(spec), model=cfg)

    @pytest.mark.parametrize('fields', [
        {'loss': {'type': 'MaskETLoss', 'mask': 'box'}}, {'schedule': {'start': -1}},
        {'source': 3}, {'schedule': {'begin': 1}}, {'teacher': {'type': 'MaskETLoss'}},
    ])
    def test_unknown_values_are_refused_when_built(self, spec, fields):
        with pytest.raises((ValueError, TypeError)):
            MaskETDistillHook(**{'teacher': spec, **fields})


@pytest.mark.parametrize('inside', [
    {'type': 'DetRecTextSpotter', 'detector': tiny.dbnet_cfg()},
    {'type': 'DLDTextDetector', 'detector': tiny.dbnet_cfg(), 'scale_factors': [.5]}])
def test_of_a_model_with_a_detector_inside(inside):
    if inside['type'] == 'DetRecTextSpotter':
        inside = tiny_spotter.spotter_cfg()
    with pytest.raises(ValueError, match='terms='):
        _require_detector(MODELS.build(copy.deepcopy(inside)))
    _require_detector(MODELS.build(tiny.dbnet_cfg()))


def log_to(backends, tmp_path, spec):
    """Train four steps."""
    train(tmp_path, hook(spec), epochs=1, name='board', default_hooks={
        'logger': {'type': 'LoggerHook', 'interval': 1}}, visualizer={
            'type': 'Visualizer', 'name': 'board', 'vis_backends': backends})


def test_tensorboard_shows_every_loss(tmp_path, spec):
    """By the lines of the guide."""
    reader = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator',
                                 reason='pip install .[tensorboard]')
    guide = (Path(__file__).parents[2] / 'docs/tools.md').read_text()
    shown, = re.findall(r'```python\n(visualizer = .*?)```', guide, re.S)
    backends = Config.fromstring(shown, '.py').visualizer.vis_backends
    log_to(backends, tmp_path, spec)
    events, = (tmp_path / 'board').rglob('events.out.tfevents.*')
    board = reader.EventAccumulator(str(events)).Reload()
    for name in ('loss', 'loss_prob', 'loss_entropy', 'loss_kd', 'lr'):
        assert len(board.Scalars(name)) == 4, name


def test_wandb_notes_every_loss(tmp_path, spec, monkeypatch):
    """By the lines of the guide; tests/packaging/test_wandb.py has the package."""
    wandb = pytest.importorskip('wandb', reason='pip install wandb')
    monkeypatch.chdir(tmp_path)  # whose Python files are noted
    monkeypatch.setenv('WANDB_DATA_DIR', str(tmp_path))
    guide = (Path(__file__).parents[2] / 'docs/tools.md').read_text()
    shown, = re.findall(r'```python\n(vis_backends = .*?)```', guide, re.S)
    log_to(Config.fromstring(shown, '.py').vis_backends, tmp_path, spec)
    wandb.teardown()  # its process, which writes
    run, = (tmp_path / 'board').rglob('offline-run-*/*.wandb')
    noted = run.read_bytes()
    assert b'my_project' in noted
    for name in (b'loss', b'loss_prob', b'loss_entropy', b'loss_kd', b'lr'):
        assert noted.count(name) >= 4, name
