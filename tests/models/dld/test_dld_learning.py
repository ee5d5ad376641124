"""Does a selector learn which images may be small? A toy task through the whole wrapper."""
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.structures import InstanceData, LabelData
from mmocr.registry import MODELS
from mmocr.structures import TextSpottingDataSample
from torch import nn

import mmocr_kd.models.dld  # noqa: F401
from mmocr_kd.losses import Labels, Reading
from mmocr_kd.models.spotters import DistillableSpotter

SIZE, SCALES = 32, [.25, .5, 1.]
COARSE, FINE = 16, 2  # periods of stripes in pixels: readable at any scale, at the largest only


@dataclass
class OneWordEach:
    """Each image is a word: stripes that lie (0) or stand (1)."""

    classes: torch.Tensor
    image_index: torch.Tensor

    @property
    def texts(self):
        return [str(kind.item()) for kind in self.classes]

    def __len__(self):
        return len(self.image_index)

    def scaled(self, factors):
        return self


@MODELS.register_module()
class StripeSpotter(BaseModel):
    """Tells lying from standing stripes; all that DLD asks of a spotter."""

    rec_decoder = None

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(),
                                      nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
        self.classify = nn.Linear(8, 2)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return self.features(inputs)

    def normalized(self, inputs, data_samples):
        return inputs

    def words_of(self, data_samples):
        words = [(i, int(one.gt_text.item)) for i, one in enumerate(data_samples)
                 if 'gt_text' in one]
        return OneWordEach(torch.tensor([kind for _, kind in words]),
                           torch.tensor([i for i, _ in words]))

    def read_along(self, inputs, data_samples, words, full=None):
        maps = self.features(inputs)
        means = torch.stack([one[:, :h, :w].mean((1, 2)) for one, (h, w) in
                             zip(maps, (sample.img_shape for sample in data_samples))])
        logits = self.classify(means)[words.image_index, None]
        labels = Labels(words.classes[:, None], torch.ones(len(words), dtype=torch.long))
        return Reading((logits, ), roi=maps, context=means, labels=labels,
                       image_index=words.image_index)

    def losses_and_reading(self, inputs, data_samples, words, full=None):
        reading = self.read_along(inputs, data_samples, words)
        return {'loss_read': F.cross_entropy(reading.logits[0][:, 0], words.classes)}, reading

    def detect(self, inputs, data_samples):
        return [([np.array(_whole(*sample.img_shape))], [1.]) for sample in data_samples]

    def predict(self, inputs, data_samples, full=None):
        words = OneWordEach(torch.zeros(len(inputs), dtype=torch.long), torch.arange(len(inputs)))
        read = self.read_along(inputs, data_samples, words).logits[0][:, 0].argmax(1)
        return [TextSpottingDataSample(metainfo=sample.metainfo,
                                       pred_text=LabelData(item=str(kind.item())))
                for sample, kind in zip(data_samples, read)]


def _whole(height, width):
    return [0., 0, width, 0, width, height, 0, height]


def annotated(kind):
    word = InstanceData(polygons=[np.array(_whole(SIZE, SIZE))], texts=[str(kind.item())],
                        ignored=torch.tensor([False]))
    return TextSpottingDataSample(metainfo={'img_shape': (SIZE, SIZE)}, gt_instances=word,
                                  gt_text=LabelData(item=str(kind.item())))


def images(count, period, generator):
    """Stripes at random places in noise."""
    kinds = torch.randint(2, (count, ), generator=generator)
    phase = torch.randint(period, (count, 1), generator=generator)
    waves = ((torch.arange(SIZE) + phase) // (period // 2) % 2) * 2. - 1.
    lying = waves[:, None, :, None].expand(-1, 3, -1, SIZE)
    stripes = torch.where(kinds[:, None, None, None] == 0, lying, lying.mT)
    fade = (torch.arange(SIZE) + .5).div(SIZE / torch.pi).sin()  # borders would tell
    noise = torch.randn(stripes.shape, generator=generator) * .3
    return stripes * fade * fade[:, None] + noise, [annotated(kind) for kind in kinds]


def batch(count, generator):
    (coarse, first), (fine, second) = (images(count // 2, period, generator)
                                       for period in (COARSE, FINE))
    return torch.cat([coarse, fine]), first + second


def build(**fields):
    torch.manual_seed(0)
    return MODELS.build({'type': 'DLDTextSpotter', 'student': {'type': 'StripeSpotter'},
                         'pad_divisor': 8, 'antialias': True, **fields})


def train(model, steps, rate=1e-2):
    """A selector a hundred times faster than the student, which can read: else they collude.

    The student takes one class for what it cannot read, and the selector, which tells classes
    apart, sends that class at the smallest scale.
    """
    model.train()
    generator = torch.Generator().manual_seed(0)
    groups = [{'params': model.student.parameters(), 'lr': rate}]
    if model.selector is not None:
        groups.append({'params': model.selector.parameters(), 'lr': 1e-2})
    optimizer = torch.optim.Adam(groups)
    for _ in range(steps):
        optimizer.zero_grad()
        model.parse_losses(model.loss(*batch(16, generator)))[0].backward()
        optimizer.step()
    return model.eval()


@pytest.fixture(scope='module')
def reader():
    """Weights of a student that reads at all scales what can be read there."""
    model = build(scale_factors=SCALES, test_scale=1.)
    return train(model, 100).state_dict()


def trained(reader, objective, steps, **fields):
    published = objective['type'] == 'GumbelObjective'
    selector = {'type': 'ResolutionSelector', 'scale_factors': SCALES, 'base_channels': 16,
                'predicts': 'logits' if published else 'errors', 'costs': 1.5,
                'norm_cfg': {'type': 'GN', 'num_groups': 2}, 'temperature': 1.}
    model = build(selector=selector, objective=objective, **fields)
    model.load_state_dict(reader, strict=False)  # as a teacher's
    return train(model, steps, rate=1e-4)


def chosen(model, period):
    """Scales of 20 images, and how many of them were read right."""
    inputs, samples = images(20, period, torch.Generator().manual_seed(1))
    results = model.predict(inputs, samples)
    right = sum(one.pred_text.item == sample.gt_text.item
                for one, sample in zip(results, samples))
    return [one.dld_scale for one in results], right


def test_the_toy_is_a_spotter():
    assert isinstance(StripeSpotter(), DistillableSpotter)


def test_the_reader_reads(reader):
    model = build(scale_factors=SCALES, test_scale=1.).eval()
    model.load_state_dict(reader)
    assert chosen(model, COARSE)[1] >= 19 and chosen(model, FINE)[1] >= 19
    model._chooser.test_scale = .25
    assert chosen(model, COARSE)[1] >= 19 and chosen(model, FINE)[1] <= 16


def gumbel(combine, gamma):
    return {'type': 'GumbelObjective', 'accuracy': {'combine': combine},
            'cost': {'loss_weight': gamma}}


@pytest.mark.parametrize('combine, gamma', [('logits', 1.), ('probs', .3)])
def test_easy_images_become_small_and_hard_ones_stay_large(reader, combine, gamma):
    model = trained(reader, gumbel(combine, gamma), 120)
    scales, right = chosen(model, COARSE)
    assert scales.count(.25) >= 18 and right >= 19
    scales, right = chosen(model, FINE)
    assert scales.count(1.) >= 18 and right >= 19


def test_one_training_by_errors_gives_the_whole_frontier(reader):
    """Before a reader that does not learn; what is expected is a number of words."""
    model = trained(reader, {'type': 'ErrorObjective'}, 80, train_student=False)
    assert all(torch.equal(value, reader[key]) for key, value in model.student.state_dict().items())
    for period, scale in ((COARSE, .25), (FINE, 1.)):
        model._chooser.price = .2
        scales, right = chosen(model, period)
        assert scales.count(scale) >= 18 and right >= 18
        model._chooser.price = 5.
        assert chosen(model, period)[0] == [.25] * 20
    inputs, samples = images(20, FINE, torch.Generator().manual_seed(1))
    words = model.spotter.words_of(samples)
    expected = model.expected_errors(inputs, samples).mean(0)
    made = model.objective.errors(model, inputs, samples, words).mean(0)
    torch.testing.assert_close(expected, made, atol=.15, rtol=0)
    assert made[0] > .3 > .1 > made[2]


def test_what_costs_too_much_is_not_worth_reading(reader):
    model = trained(reader, gumbel('loss', 5.), 30)
    assert chosen(model, FINE)[0] == [.25] * 20
