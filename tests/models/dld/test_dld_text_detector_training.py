"""Who learns what when a detector is trained behind a resolution selector."""
import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from mmocr.registry import MODELS
from tiny import dbnet_cfg, pan_cfg
from tiny_dld_detector import (
    SCALES,
    WORDS,
    choose,
    dld,
    losses_of,
    prepared,
    retina_cfg,
    touched,
    wide_and_narrow,
)

from mmocr_kd.adapters import rescale_batch
from mmocr_kd.models.spotters.detector_losses import detector_losses

CHECKED = {'loss_res_acc', 'loss_res_cost'}
STATISTICS = {'res_scale_mean', 'res_entropy', 'res_cost', 'tau'}


def test_losses_and_statistics():
    losses = losses_of(dld(), wide_and_narrow())
    assert set(losses) == {'loss_prob', 'loss_thr', 'loss_db', *CHECKED, *STATISTICS}
    assert all(torch.isfinite(value) for value in losses.values())


@pytest.mark.parametrize('cfg', [dbnet_cfg(), retina_cfg()], ids=lambda cfg: cfg['type'])
def test_who_learns_from_what(cfg):
    torch.manual_seed(0)
    model = dld(cfg)
    losses = losses_of(model, wide_and_narrow())
    own = {name: value for name, value in losses.items() if name not in CHECKED | STATISTICS}
    for part, results in (('student', own), *(('selector', {name: losses[name]})
                                              for name in sorted(CHECKED))):
        model.zero_grad()
        total, _ = model.parse_losses(results)
        total.backward(retain_graph=True)
        assert touched(model) == {part}
    model.zero_grad()
    model.parse_losses(losses)[0].backward()
    assert all(p.grad is not None for p in model.parameters())  # as DDP wants


def test_every_parameter_of_the_selector_learns_from_the_accuracy():
    torch.manual_seed(0)
    model = dld(losses={'accuracy': {}})
    losses_of(model, wide_and_narrow())['loss_res_acc'].backward()
    assert all(p.grad is not None for p in model.selector.parameters())
    assert model.selector.fc.weight.grad.any() and model.selector.conv1.weight.grad.any()


def test_rating_leaves_the_detector_as_it_was(monkeypatch):
    """Statistics of batch normalisation are those of one training pass; modes come back."""
    rated, plain = dld(), dld(losses={'cost': {}})
    for model in (rated, plain):
        model.train().student.neck.eval()
        choose(model, monkeypatch, 0, 2)
        model.loss(*prepared(model, wide_and_narrow()))
        assert model.student.training and not model.student.neck.training
    torch.testing.assert_close(rated.student.state_dict(), plain.student.state_dict(),
                               rtol=0, atol=0)


@pytest.mark.parametrize('cfg', [dbnet_cfg(), pan_cfg('PAN'), pan_cfg('PSE'), retina_cfg()],
                         ids=lambda cfg: cfg['type'])
def test_rates_are_the_losses_of_single_images(cfg, monkeypatch):
    model = dld(cfg, losses={'accuracy': {'lost_weight': 0.}})
    bare = MODELS.build(copy.deepcopy(cfg)).eval()
    bare.load_state_dict(model.student.state_dict())
    data = wide_and_narrow()
    singles = []
    for i, scale in enumerate((SCALES[2], SCALES[0])):
        alone = prepared(bare, {name: values[i:i + 1] for name, values in data.items()})
        losses = detector_losses(bare, *rescale_batch(*alone, [scale]))
        singles.append(bare.parse_losses(losses)[0])
    rated = losses_of(model, data, 2, 0, monkeypatch=monkeypatch)['loss_res_acc']
    torch.testing.assert_close(rated, torch.stack(singles).mean(), rtol=1e-4, atol=1e-5)


def test_rating_keeps_no_graph():
    model, recording = dld(losses={'accuracy': {}}), []
    model.student.backbone.register_forward_hook(
        lambda *_: recording.append(torch.is_grad_enabled()))
    losses_of(model, wide_and_narrow())
    assert recording == [False] * 6 + [True]  # two sizes at each of three scales, then training


def test_the_selector_sees_the_loss_of_every_scale(monkeypatch):
    model = dld(losses={'accuracy': {}})
    values = []
    for i in range(3):
        values.append(losses_of(model, wide_and_narrow(), i, i, monkeypatch=monkeypatch))
    monkeypatch.undo()
    model.eval()  # the same statistics for every call below
    decisions = torch.zeros(2, 3, requires_grad=True)
    inputs, samples = prepared(model, wide_and_narrow())
    choice = model._chooser.draw(inputs, samples)
    object.__setattr__(choice, 'decisions', decisions)
    model._accuracy(model, choice, inputs, samples)['loss_res_acc'].backward()
    assert len({round(v, 5) for v in decisions.grad.sum(0).tolist()}) == 3
    assert len({round(v['loss_res_acc'].item(), 5) for v in values}) == 3


@pytest.mark.parametrize('cfg', [dbnet_cfg(), pan_cfg('PAN'), pan_cfg('PSE'), retina_cfg()],
                         ids=lambda cfg: cfg['type'])
def test_mixed_scales_train_and_annotations_stay(cfg, monkeypatch):
    """MMOCR draws targets at each image's own size, and DB ignores small words in place."""
    model = dld(cfg, [.3, .5, .8])
    data = wide_and_narrow([*WORDS, [10, 5, 60, 5, 60, 17, 10, 17]])
    choose(model, monkeypatch, 0, 2)
    inputs, samples = prepared(model, data)
    before = copy.deepcopy(samples)
    total, log = model.parse_losses(model.train().loss(inputs, samples))
    total.backward()
    assert total.isfinite() and log['res_scale_mean'] == pytest.approx(.55)
    for one, other in zip(samples, before):
        assert one.img_shape == other.img_shape
        assert one.gt_instances.ignored.tolist() == other.gt_instances.ignored.tolist()
        for mine, theirs in zip(one.gt_instances.polygons, other.gt_instances.polygons):
            assert (mine == theirs).all()


def test_targets_stand_on_the_padded_batch(monkeypatch):
    model = dld(scales=[.3, .8])
    seen = []
    module_loss = model.student.det_head.module_loss
    targets = module_loss.get_targets
    monkeypatch.setattr(module_loss, 'get_targets',
                        lambda samples: seen.append(targets(samples)) or seen[-1])
    losses_of(model, wide_and_narrow(), 1, 0, monkeypatch=monkeypatch)
    kernels = seen[-1][0]  # after the ratings, image by image
    assert kernels.shape == (2, 96, 128)  # 76x128 and 38x43, both padded
    where = kernels[0].nonzero()
    assert where[:, 1].max() < 120 * .8 and where[:, 0].max() < 84 * .8
    where = kernels[1].nonzero()
    assert where[:, 1].max() < 120 * .3 and where[:, 0].max() < 84 * .3


def test_vanished_words_are_no_success():
    """Without its words an image has a lower loss, but the scale that hides them has a price."""
    small = [[20, 20, 100, 20, 100, 32, 20, 32], [20, 60, 100, 60, 100, 72, 20, 72]]
    grads = {}
    for weight in (0., 100.):
        model = dld(scales=[.5, 1.], losses={'accuracy': {'lost_weight': weight}}).eval()
        inputs, samples = prepared(model, wide_and_narrow(small))
        choice = model._chooser.draw(inputs, samples)
        decisions = choice.decisions.detach().requires_grad_()
        object.__setattr__(choice, 'decisions', decisions)
        model._accuracy(model, choice, inputs, samples)['loss_res_acc'].backward()
        grads[weight] = decisions.grad
    # Shorter sides are 6 and 12 pixels: both words of both images are lost at 0.5 only.
    more = torch.stack([grads[0.].amax(1) * 100, torch.zeros(2)], dim=1)
    torch.testing.assert_close(grads[100.] - grads[0.], more, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('words', [[], None], ids=['none at all', 'all ignored'])
@pytest.mark.parametrize('cfg', [dbnet_cfg(), pan_cfg('PAN'), retina_cfg()],
                         ids=lambda cfg: cfg['type'])
def test_without_text(cfg, words):
    data = wide_and_narrow(WORDS if words is None else words)
    for one in data['data_samples']:
        one.gt_instances.ignored[:] = True
    model = dld(cfg)
    total, _ = model.parse_losses(losses_of(model, data))
    total.backward()
    assert total.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_tiny_images_train():
    data = wide_and_narrow([])
    data['inputs'] = [image[:, :20, :28] for image in data['inputs']]
    for one in data['data_samples']:
        one.set_metainfo({'img_shape': (20, 28)})
    assert all(value.isfinite() for value in losses_of(dld(), data).values())


def test_one_scale_to_choose_from():
    model = dld(scales=[.5])
    losses = losses_of(model, wide_and_narrow())
    assert losses['loss_res_cost'].item() == pytest.approx(.1 * .5**1.5)
    model.parse_losses(losses)[0].backward()
    assert not any(p.grad.any() for p in model.selector.parameters())


def test_random_scales_without_a_selector():
    model = dld(scale_factors=[.5, 1.], test_scale=.5)
    torch.manual_seed(0)
    means = {losses_of(model, wide_and_narrow())['res_scale_mean'].item() for _ in range(8)}
    assert means == {.5, .75, 1.}
    assert 'tau' not in losses_of(model, wide_and_narrow())


def test_fixed_scale_trains_the_detector_on_small_images():
    model = dld(scale_factors=[.5])
    bare = copy.deepcopy(model.student)
    data = wide_and_narrow()
    losses = losses_of(model, data)
    inputs, samples = prepared(bare, data)
    small, moved = rescale_batch(inputs, samples, [.5, .5])
    for name, value in detector_losses(bare.train(), small, moved).items():
        torch.testing.assert_close(losses[name], value)


class _NothingToDo(torch.nn.Module):
    """A detector that is never wrong."""

    def forward(self, inputs, data_samples, mode):
        return {'loss': inputs.sum() * 0}


def test_cost_alone_goes_to_the_smallest_scale():
    model = dld(losses={'cost': {'loss_weight': 1.}}, scales=[.25, .5, 1.])
    model.student = _NothingToDo()
    optimizer = torch.optim.AdamW(model.selector.parameters(), lr=5e-3)
    torch.manual_seed(0)
    model.selector.temperature = 1.
    costs = []
    for _ in range(40):
        losses = losses_of(model, wide_and_narrow())
        costs.append(losses['res_cost'].item())
        optimizer.zero_grad()
        model.parse_losses(losses)[0].backward()
        optimizer.step()
    assert costs[-1] < .15 < .4 < costs[0]  # the smallest costs 0.125
    inputs, samples = prepared(model, wide_and_narrow())
    assert model._chooser.decide(inputs, samples).scales == [.25, .25]


def test_without_losses_it_predicts_only():
    model = dld(losses={}).eval()
    assert len(model.test_step(wide_and_narrow())) == 2
    with pytest.raises(ValueError, match='nothing trains the selector'):
        losses_of(model, wide_and_narrow())


def test_a_training_step():
    model = dld()
    before = copy.deepcopy(model.state_dict())
    wrapper = OptimWrapper(torch.optim.SGD(model.parameters(), lr=.1))
    logs = model.train_step(wide_and_narrow(), wrapper)
    assert logs['loss'].isfinite()
    changed = {name.split('.')[0] for name, value in model.state_dict().items()
               if not torch.equal(value, before[name])}
    assert changed == {'backbone', 'neck', 'det_head', 'selector'}
