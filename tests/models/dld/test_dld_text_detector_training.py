"""Who learns what when a detector is trained behind a resolution selector."""
import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.optim import OptimWrapper
from tiny import dbnet_cfg, pan_cfg
from tiny_dld_detector import (
    SCALES,
    WORDS,
    dld,
    losses_of,
    prepared,
    retina_cfg,
    touched,
    wide_and_narrow,
)

from mmocr_kd.adapters import rescale_batch
from mmocr_kd.evaluation.polygon_overlaps import to_geometries
from mmocr_kd.models.dld.error_sources import truths_of
from mmocr_kd.models.spotters.detector_losses import detector_losses

CHECKED = {'loss_res_error'}
STATISTICS = {'res_scale_mean', 'res_cost'}


def draw(model, monkeypatch, *indexes):
    """Let these scales be drawn for training, one for each image."""
    choice = model._chooser.draw

    def drawn(*args):
        scales = [model._chooser.candidates[i] for i in indexes]
        return replace(choice(*args), scales=scales, indexes=list(indexes))

    monkeypatch.setattr(model._chooser, 'draw', drawn)


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


def test_every_parameter_of_the_selector_learns():
    torch.manual_seed(0)
    model = dld()
    losses_of(model, wide_and_narrow())['loss_res_error'].backward()
    assert all(p.grad is not None for p in model.selector.parameters())
    assert model.selector.fc.weight.grad.any() and model.selector.conv1.weight.grad.any()


def test_rating_leaves_the_detector_as_it_was(monkeypatch):
    """Statistics of batch normalisation are those of one training pass; modes come back."""
    rated, plain = dld(), dld()
    draw(plain, monkeypatch, 0, 2)
    draw(rated, monkeypatch, 0, 2)
    monkeypatch.setattr(plain.objective, 'errors', lambda *_: torch.zeros(2, 3))
    for model in (rated, plain):
        model.train().student.neck.eval()
        model.loss(*prepared(model, wide_and_narrow()))
        assert model.student.training and not model.student.neck.training
    torch.testing.assert_close(rated.student.state_dict(), plain.student.state_dict(),
                               rtol=0, atol=0)


@pytest.mark.parametrize('cfg', [dbnet_cfg(), pan_cfg('PAN'), retina_cfg()],
                         ids=lambda cfg: cfg['type'])
def test_errors_are_those_of_what_is_predicted(cfg):
    """Counted again from predictions of each image alone, in pixels of the original."""
    model = dld(cfg).eval()
    model.objective.errors.threshold = 0.
    data = wide_and_narrow()
    inputs, samples = prepared(model, data)
    errors = model.objective.errors(model, inputs, samples, None)
    for k, scale in enumerate(SCALES):
        model._chooser.test_scale = scale
        for b, truth in enumerate(truths_of(samples)):
            alone = {name: values[b:b + 1] for name, values in data.items()}
            (found, ) = model.predict(*prepared(model, alone, False))
            hit, alarms = truth.found_by(to_geometries(
                [np.ravel(p) for p in found.pred_instances.polygons], 'found',
                [False] * len(found.pred_instances)))
            expected = len(truth.words) - hit.sum() + .5 * alarms
            assert errors[b, k].item() == pytest.approx(expected, abs=1.5)  # padding differs


def test_rating_keeps_no_graph():
    model, recording = dld(), []
    model.student.backbone.register_forward_hook(
        lambda *_: recording.append(torch.is_grad_enabled()))
    losses_of(model, wide_and_narrow())
    assert recording == [False] * 3 + [True]  # each of three scales, then training


@pytest.mark.parametrize('cfg', [dbnet_cfg(), pan_cfg('PAN'), pan_cfg('PSE'), retina_cfg()],
                         ids=lambda cfg: cfg['type'])
def test_mixed_scales_train_and_annotations_stay(cfg, monkeypatch):
    """MMOCR draws targets at each image's own size, and DB ignores small words in place."""
    model = dld(cfg, [.3, .5, .8])
    data = wide_and_narrow([*WORDS, [10, 5, 60, 5, 60, 17, 10, 17]])
    draw(model, monkeypatch, 0, 2)
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
    draw(model, monkeypatch, 1, 0)
    losses_of(model, wide_and_narrow())
    kernels = seen[-1][0]
    assert kernels.shape == (2, 96, 128)  # 76x128 and 38x43, both padded
    where = kernels[0].nonzero()
    assert where[:, 1].max() < 120 * .8 and where[:, 0].max() < 84 * .8
    where = kernels[1].nonzero()
    assert where[:, 1].max() < 120 * .3 and where[:, 0].max() < 84 * .3


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
    assert losses['res_cost'].item() == .25 and losses['res_scale_mean'] == .5
    model.parse_losses(losses)[0].backward()


def test_a_detector_left_as_it_is():
    """The selector learns alone: no losses, no gradient, no statistics of the detector."""
    model = dld(train_student=False)
    before = copy.deepcopy(model.student.state_dict())
    losses = losses_of(model, wide_and_narrow())
    assert {name for name in losses if 'loss' in name} == CHECKED
    model.parse_losses(losses)[0].backward()
    assert touched(model) == {'selector'}
    assert not any(module.training for module in model.student.modules())
    torch.testing.assert_close(model.student.state_dict(), before, rtol=0, atol=0)


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


def test_without_losses_it_predicts_only():
    model = dld(objective=None).eval()
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
