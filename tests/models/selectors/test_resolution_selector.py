import copy
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from torch.nn import functional as F

from mmocr_kd.losses import ResolutionCostLoss
from mmocr_kd.losses.scale_factors import cost_between
from mmocr_kd.models.selectors import ResolutionSelector
from mmocr_kd.models.selectors.price_table import PRICES, mean_costs, price_within

SCALES = [.3, .4, .5, .6, .7, .8]
GN = {'type': 'GN', 'num_groups': 1}


def selector(scales=(.3, .5, .8), base_channels=16, predicts='logits', **fields):
    return ResolutionSelector(scales, predicts, base_channels=base_channels, **fields)


def samples(*sizes):
    return [TextDetDataSample(metainfo={'img_shape': size}) for size in sizes]


def trained(model):
    """Running statistics and affine parameters as if it had been trained."""
    for name, tensor in model.state_dict().items():
        if 'running_var' in name or ('bn' in name and name.endswith('weight')):
            tensor.uniform_(.5, 1.5)
        elif 'bn' in name and tensor.is_floating_point():
            tensor.normal_(std=.3)
    return model.eval()


@pytest.mark.parametrize('fields, number', [({}, 1_234_342), ({'base_channels': 64}, 79_150)])
def test_size_of_the_official_network(fields, number):
    model = ResolutionSelector(SCALES, **fields)
    assert sum(p.numel() for p in model.parameters()) == number


def test_size_of_a_small_network():
    model = ResolutionSelector([.3, .5, .8], base_channels=32)
    assert sum(p.numel() for p in model.parameters()) == 20_359


def test_names_of_the_official_checkpoints():
    norm = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']

    def layers(prefix, convs, norms):
        return ([f'{prefix}{c}.{x}' for c in convs for x in ('weight', 'bias')]
                + [f'{prefix}{n}.{x}' for n in norms for x in norm])

    names = layers('', ['conv1', 'fc'], ['bn1'])
    for i in range(1, 5):
        names += layers(f'bs{i}.', ['conv1', 'conv2', 'downsample'], ['bn1', 'bn2', 'bn3'])
    assert sorted(ResolutionSelector(SCALES, 'logits').state_dict()) == sorted(names)
    ours = ResolutionSelector(SCALES, 'errors').state_dict()
    assert sorted(ours) == sorted([*names, 'mean_costs', 'mean_errors', 'batches_noted'])


def reference(weights, image):
    """The network written down from its description, on parameters by name."""
    def conv(x, name, **fields):
        return F.conv2d(x, weights[f'{name}.weight'], weights[f'{name}.bias'], **fields)

    def norm(x, name):
        return F.batch_norm(x, *(weights[f'{name}.{field}'] for field in
                                 ('running_mean', 'running_var', 'weight', 'bias')))

    x = norm(conv(image, 'conv1', stride=2, padding=3), 'bn1').relu()
    for b in ('bs1', 'bs2', 'bs3', 'bs4'):
        out = norm(conv(x, f'{b}.conv1', stride=2, padding=1), f'{b}.bn1').relu()
        out = norm(conv(out, f'{b}.conv2', padding=1), f'{b}.bn2')
        x = (out + norm(conv(x, f'{b}.downsample', stride=2), f'{b}.bn3')).relu()
    return F.linear(F.adaptive_avg_pool2d(x, 1).flatten(1), weights['fc.weight'],
                    weights['fc.bias'])


def test_computes_what_is_described():
    model = trained(selector())
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        expected = reference(model.state_dict(), images)
        assert torch.allclose(model(images), expected, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 70), st.integers(1, 70), st.booleans(), st.booleans())
def test_any_size_gives_one_row_per_image(images, height, width, per_image, training):
    model = selector(per_image=per_image).train(training)
    logits = model(torch.randn(images, 3, height, width))
    assert logits.shape == (images, 3) and logits.isfinite().all()


@pytest.mark.parametrize('size', [(1, 1), (20, 31), (32, 32), (33, 5)])
def test_images_smaller_than_the_stride_train_with_batch_norm(size):
    model = selector(base_channels=8).train()
    model(torch.randn(1, 3, *size)).sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_an_image_is_seen_as_if_it_were_alone():
    model = trained(selector())
    first, second = torch.randn(3, 40, 90), torch.randn(3, 64, 33)
    batch = torch.full((2, 3, 96, 128), 7.)  # whatever the batch was padded with
    batch[0, :, :40, :90], batch[1, :, :64, :33] = first, second
    with torch.no_grad():
        together = model(batch, samples((40, 90), (64, 33)))
        alone = torch.cat([model(first[None]), model(second[None])])
        assert torch.equal(together, alone)
        assert not torch.allclose(model(batch), alone, atol=1e-3)


def test_alone_means_cut_to_a_multiple_of_32():
    model = trained(selector())
    image = torch.randn(1, 3, 40, 90)
    with torch.no_grad():
        expected = reference(model.state_dict(), F.pad(image, (0, 6, 0, 24)))
        assert torch.allclose(model(image), expected, atol=1e-5)


def test_own_copy_of_the_image_is_shrunk():
    model = trained(selector(input_short_edge=64))
    image = torch.randn(1, 3, 150, 203)
    with torch.no_grad():
        small = F.interpolate(image, (64, 87), mode='bilinear', antialias=True)
        assert torch.equal(model(image), model(small))
        batch = F.pad(image, (0, 21, 0, 10), value=3.)
        assert torch.equal(model(batch, samples((150, 203))), model(small))
        model.input_short_edge = None
        assert not torch.allclose(model(image), model(small), atol=1e-3)
    assert selector(input_short_edge=64).train()(image).shape == (1, 3)


def test_group_norm_is_the_same_in_training_and_testing():
    model = selector(norm_cfg=GN)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model.train()(images), model.eval()(images))


def test_decides_without_chance():
    model = selector()
    logits = torch.tensor([[.5, .501, .2], [3., -1., 2.999]])
    assert all(model.select(logits).tolist() == [1, 0] for _ in range(50))
    drawn = torch.stack([model.sample(logits).argmax(-1) for _ in range(100)])
    assert len(drawn[:, 0].unique()) == 3


def test_temperature_falls_as_in_the_official_code():
    model = ResolutionSelector([.5], base_channels=8)
    golden = {0: 5.0, 10: 3.50, 20: 2.45, 30: 1.72, 40: 1.20, 49: .87}
    for epoch, tau in golden.items():
        model.set_epoch(epoch)
        assert model.tau == pytest.approx(tau, abs=.005)
        assert copy.deepcopy(model).tau == model.tau
    model.set_epoch(10**6)
    assert model.tau == .01
    drawn = model.sample(torch.tensor([[100., -100.]]))
    assert torch.equal(drawn, torch.tensor([[1., 0.]]))


def test_draws_at_its_own_temperature():
    model = selector(temperature=3.)
    logits = torch.randn(4, 3)
    for epoch in (0, 20):
        model.set_epoch(epoch)
        torch.manual_seed(5)
        ours = model.sample(logits, hard=False)
        torch.manual_seed(5)
        assert torch.equal(ours, F.gumbel_softmax(logits, 3 * .965**epoch))
    torch.manual_seed(5)
    ours = model.sample(logits, tau=.7, hard=False)
    torch.manual_seed(5)
    assert torch.equal(ours, F.gumbel_softmax(logits, .7))


def test_one_scale_is_always_chosen_and_has_no_gradient():
    model = selector([.5])
    images = torch.randn(2, 3, 40, 40)
    drawn = model.sample(model(images))
    assert torch.equal(drawn, torch.ones(2, 1))
    (drawn * torch.randn(2, 1)).sum().backward()
    assert all((p.grad == 0).all() for p in model.parameters())
    assert model.eval().select(model(images)).tolist() == [0, 0]


def test_learns_to_be_cheap():
    model = selector(SCALES, base_channels=16, norm_cfg=GN)
    cost = ResolutionCostLoss([scale**1.5 for scale in SCALES], loss_weight=1)
    images = torch.randn(8, 3, 48, 48)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    before = cost.expected(model(images)).item()
    for _ in range(100):
        optimizer.zero_grad()
        cost(model.sample(model(images), tau=1.))['loss_res_cost'].backward()
        optimizer.step()
    assert before > .3
    assert cost.expected(model(images)).item() < .2
    assert (model.select(model(images)) == 0).all()


def test_is_built_from_a_config_and_loads_strictly():
    cfg = {'type': 'ResolutionSelector', 'scale_factors': SCALES, 'base_channels': 8}
    a, b = MODELS.build(cfg), MODELS.build(cfg)
    b.load_state_dict(a.state_dict())
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(a.eval()(images), b.eval()(images))


@pytest.mark.parametrize('fields, message', [
    ({'scales': []}, 'scale_factors is empty'),
    ({'scales': [.8, .5]}, 'rise strictly'),
    ({'scales': [.5, 1.5]}, r'\(0, 1\]'),
    ({'temperature': 0}, 'temperature=0'),
    ({'min_temperature': 0}, 'min_temperature=0'),
    ({'min_temperature': 6}, 'min_temperature=6'),
    ({'temperature_decay': 1.1}, 'temperature_decay=1.1'),
    ({'base_channels': 12}, 'base_channels=12'),
    ({'input_short_edge': 0}, 'input_short_edge=0'),
    ({'per_image': 'predict'}, "per_image='predict'"),
    ({'predicts': 'scales'}, "predicts='scales'"),
    ({'full_ms': 0.}, 'full_ms=0.0'),
    ({'costs': [.1, .2]}, '2 entries for 3 scale_factors'),
    ({'costs': [.3, .2, .7]}, 'must not fall'),
    ({'costs': [0., .2, .7]}, 'finite and > 0'),
    ({'costs': 0}, 'costs=0'),
])
def test_impossible_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        selector(**fields)


def test_impossible_batches():
    images = torch.zeros(2, 3, 40, 40)
    with pytest.raises(ValueError, match='1 data samples for 2 images'):
        selector()(images, samples((40, 40)))
    with pytest.raises(ValueError, match=r'img_shape=\(41, 40\)'):
        selector()(images, samples((40, 40), (41, 40)))


# An image among others


def mixed(*sizes, fill=7.):
    """Images of several sizes in one batch, whatever it was padded with."""
    canvas = [max(edges) for edges in zip(*sizes)]
    batch = torch.full((len(sizes), 3, *canvas), fill)
    images = [torch.randn(3, *size) for size in sizes]
    for row, image in zip(batch, images):
        row[:, :image.shape[1], :image.shape[2]] = image
    return images, batch, samples(*sizes)


def frozen_norms(model):
    """In training mode, but its BN normalises as in prediction: what is left is what differs."""
    for module in model.train().modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum, module.forward = 0., partial(_by_running_statistics, module)
    return model


def _by_running_statistics(norm, x):
    return F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 150), st.integers(1, 150)), min_size=1, max_size=3),
       st.sampled_from([None, 40, 64]))
def test_training_sees_each_image_as_prediction_does(sizes, short_edge):
    """At its own size and in its own area: not shrunk with the padding of its neighbours."""
    model = trained(selector(base_channels=8, input_short_edge=short_edge))
    images, batch, data = mixed(*sizes)
    with torch.no_grad():
        alone = torch.cat([model(image[None]) for image in images])
        assert torch.equal(model(batch, data), alone)
        together = frozen_norms(model)(batch, data)
    assert torch.allclose(together, alone, atol=1e-4)


def test_the_same_photo_is_shrunk_by_the_same_factor_in_training(monkeypatch):
    """Beside a wide and high neighbour, too."""
    model, seen = selector(input_short_edge=64, base_channels=8).train(), []
    monkeypatch.setattr(model.conv1, 'forward', lambda x: seen.append(x) or torch.zeros(
        len(x), 1, x.shape[2] // 2, x.shape[3] // 2))
    (photo, _), batch, data = mixed((128, 128), (64, 256))
    model(batch, data)
    small = F.interpolate(photo[None], (64, 64), mode='bilinear', antialias=True)
    assert seen[0].shape == (2, 3, 64, 256)
    assert torch.equal(seen[0][:1, :, :64, :64], small) and not seen[0][0, :, :, 64:].any()


def test_batch_norm_learns_from_whole_batches_and_other_norms_from_images():
    images, batch, data = mixed((64, 64), (32, 48), fill=0.)
    for fields, alike in (({}, False), ({'per_image': True}, True), ({'norm_cfg': GN}, True)):
        torch.manual_seed(0)
        model = selector(base_channels=8, **fields).train()
        alone = torch.cat([model(image[None]) for image in images])
        assert torch.allclose(model(batch, data), alone, atol=1e-5) == alike


def test_every_parameter_learns_from_images_of_several_sizes():
    _, batch, data = mixed((40, 90), (64, 33))
    model = selector(predicts='errors').train()
    (model(batch, data) * torch.randn(2, 3)).sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in model.parameters()
               if p.dim() == 4)


# Errors and costs


def test_errors_are_factors_of_their_mean():
    torch.manual_seed(0)
    errors, logits = selector(predicts='errors'), selector(predicts='logits')
    missing, _ = errors.load_state_dict(logits.state_dict(), strict=True)
    assert not missing
    errors.mean_errors.copy_(torch.tensor([8., 2., .5]))
    logits.fc.weight.data.mul_(1e3)
    errors.fc.weight.data.mul_(1e3)
    images = torch.randn(4, 3, 64, 64)
    factors = F.softplus(logits.eval()(images) + torch.tensor(1.).expm1().log())
    assert torch.allclose(errors.eval()(images), factors * errors.mean_errors, rtol=1e-5)
    assert (factors >= 0).all()
    with torch.autocast('cpu', torch.bfloat16):
        assert errors(images).dtype == torch.float32


def test_a_selector_that_sees_nothing_predicts_the_mean():
    model = selector(predicts='errors').eval()
    model.fc.weight.data.zero_()
    model.fc.bias.data.zero_()
    model.note_errors(torch.tensor([[10., 4., 0.], [20., 6., 0.]]))
    assert torch.allclose(model(torch.randn(1, 3, 64, 64)), torch.tensor([[15., 5., .01]]))


def test_the_mean_is_that_of_all_batches_and_knows_only_what_is_known():
    generator = torch.Generator().manual_seed(0)
    batches = torch.rand(40, 4, 3, generator=generator) * 9
    model = selector(predicts='errors')
    for batch in batches:
        model.note_errors(batch)
        model.note_errors(torch.full((4, 3), torch.nan))
    assert torch.allclose(model.mean_errors, batches.mean((0, 1)), rtol=1e-4)
    half = selector(predicts='errors')
    half.note_errors(torch.cat([batches[0], torch.full((2, 3), torch.nan)]))
    assert torch.allclose(half.mean_errors, batches[0].mean(0))
    again = selector(predicts='errors')
    again.load_state_dict(model.state_dict())
    again.note_errors(batches[0])
    model.note_errors(batches[0])
    assert torch.equal(again.mean_errors, model.mean_errors)


def test_many_errors_are_learnt_as_soon_as_few():
    torch.manual_seed(0)
    images, steps = torch.randn(8, 3, 64, 64), {}
    for mean in (.2, 20.):
        model = selector(predicts='errors')
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        target = torch.full((8, 3), mean)
        for _step in range(3):
            predicted = model(images)
            model.note_errors(target)
            optimizer.zero_grad()
            F.poisson_nll_loss(predicted, target, log_input=False).backward()
            optimizer.step()
        steps[mean] = (model(images).mean() / mean).item()
    assert all(.7 < ratio < 1.4 for ratio in steps.values()), steps


@given(st.lists(st.floats(0, 50), min_size=3, max_size=3), st.floats(1e-3, 1e3))
def test_choice_is_the_cheapest_in_all(errors, price):
    model = selector(predicts='errors', costs=[.1, .4, 1.], base_channels=8)
    (chosen, ) = model.select(torch.tensor([errors]), price).tolist()
    totals = torch.tensor(errors) + torch.tensor(price) * model.costs
    assert totals[chosen] == totals.min()


def test_an_image_equally_good_everywhere_gets_the_cheapest_scale():
    model = selector(predicts='errors')
    for price in (1e-6, 1e-3, 1., 1e3):
        assert model.select(torch.tensor([[0.] * 3, [.5] * 3]), price).tolist() == [0, 0]
    assert model.select(torch.tensor([[2., 1., 0.]]), 0.).tolist() == [2]
    assert model.select(torch.tensor([[1., 1., 1.]]), 0.).tolist() == [0]


def test_costs_are_pixels_or_a_power_or_measured():
    assert selector().costs.tolist() == pytest.approx([.09, .25, .64])
    assert selector(costs=1.5).costs.tolist() == pytest.approx([s**1.5 for s in (.3, .5, .8)])
    measured = selector(costs=[.2, .3, .7])
    assert measured.costs.tolist() == pytest.approx([.2, .3, .7])

    def cost_of(scale, model=measured):
        return cost_between(scale, model.scale_factors, model.costs.tolist())

    assert [*map(cost_of, (.3, .5, .8, 1.))] == pytest.approx([.2, .3, .7, 1])
    assert .3 < cost_of(.6) < .7 < cost_of(.9) < 1
    assert cost_of(.6, selector()) == pytest.approx(.36)  # pixels between, too


def test_mean_costs_at_prices_fall_and_meet_their_ends():
    errors = torch.rand(50, 3) * 3
    costs = torch.tensor([.1, .4, 1.])
    table = mean_costs(errors, costs)
    assert len(table) == len(PRICES) and (table.diff() <= 1e-6).all()
    assert table[0] == pytest.approx(costs[errors.argmin(1)].mean().item(), abs=.02)
    assert table[-1] == pytest.approx(.1)
    for i in (30, 80, 110):
        totals = errors + PRICES[i] * costs
        assert table[i] == pytest.approx(costs[totals.argmin(1)].mean().item(), abs=1e-5)


@given(st.floats(.11, 1.))
def test_a_budget_is_met_by_the_lowest_price_that_does(budget):
    errors = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) * 3
    table = mean_costs(errors, torch.tensor([.1, .4, 1.]))
    price = PRICES.index(price_within(budget, table))
    assert table[price] <= budget + 1e-5
    assert price == 0 or table[price - 1] > budget


def test_a_budget_below_the_cheapest():
    with pytest.raises(ValueError, match='budget=0.05 cannot be met.*costs 0.1 of'):
        price_within(.05, mean_costs(torch.rand(5, 2), torch.tensor([.1, 1.])))
