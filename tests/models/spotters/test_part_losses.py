"""The losses of a spotter's parts."""
import torch
from torch import nn

from mmocr_kd.models.spotters.detector_losses import idle_loss, name_losses


def test_names_and_weights():
    losses = {'loss_a': torch.tensor(2.), 'loss_b': [torch.tensor(1.), torch.tensor(3.)],
              'acc': torch.tensor(90.)}
    named = name_losses('det', losses, .5)
    assert named == {'det.loss_a': 1., 'det.loss_b': [.5, 1.5], 'det.acc': 90.}


def test_idle_parts_get_gradients_of_zero():
    parts = [nn.Linear(2, 3), nn.BatchNorm1d(3)]
    parts[0].bias.requires_grad_(False)
    loss = idle_loss(parts, torch.zeros(1, dtype=torch.float64))
    assert loss == 0 and loss.dtype == torch.float64
    loss.backward()
    assert (parts[0].weight.grad == 0).all() and (parts[1].weight.grad == 0).all()
    assert parts[0].bias.grad is None
