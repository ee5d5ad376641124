import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from torch.nn import functional as F

from mmocr_kd.losses import ResolutionCostLoss
from mmocr_kd.models.selectors import ResolutionSelector

SCALES = [.3, .4, .5, .6, .7, .8]
GN = {'type': 'GN', 'num_groups': 1}


def selector(scales=(.3, .5, .8), base_channels=16, **fields):
    return ResolutionSelector(scales, base_channels=base_channels, **fields)


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
    assert sorted(ResolutionSelector(SCALES).state_dict()) == sorted(names)


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
        model.per_image = False
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
        model.per_image = False
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
        model.per_image = False
        assert torch.equal(model(image), model(small))
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
    assert torch.equal(model.decide(logits, 'argmax'),
                       torch.tensor([[0., 1, 0], [1, 0, 0]]))
    drawn = torch.stack([model.decide(logits, 'sample').argmax(-1) for _ in range(100)])
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
    cost = ResolutionCostLoss(SCALES, loss_weight=1)
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
    assert a.scales.tolist() == pytest.approx(SCALES)


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
    with pytest.raises(ValueError, match="mode='gumbel'"):
        selector().decide(torch.zeros(2, 3), 'gumbel')


def test_predict_sees_batches_in_training_and_images_in_prediction():
    torch.manual_seed(0)
    alone, together, both = (ResolutionSelector(SCALES, base_channels=8, per_image=how).train()
                             for how in (True, False, 'predict'))
    for model in (together, both):
        model.load_state_dict(alone.state_dict())
    images = torch.randn(2, 3, 64, 64)
    samples = [TextDetDataSample(metainfo=dict(img_shape=size)) for size in ((64, 64), (32, 48))]
    assert torch.equal(both(images, samples), together(images, samples))
    assert not torch.allclose(both(images, samples), alone(images, samples))
    for model in (alone, both):
        model.load_state_dict(together.state_dict())
        model.eval()
    assert torch.equal(both(images, samples), alone(images, samples))
    with pytest.raises(ValueError, match='per_image'):
        ResolutionSelector(SCALES, per_image='train')
