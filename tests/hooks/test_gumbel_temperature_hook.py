import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmocr_kd.hooks import GumbelTemperatureHook
from mmocr_kd.models.selectors import ResolutionSelector


class Chooser(BaseModel):
    """Draws a scale for each image and notes the temperature it did that at."""

    def __init__(self, predicts='logits'):
        super().__init__()
        self.selector = ResolutionSelector([.3, .5], predicts, base_channels=8)
        self.taus = []

    def forward(self, inputs, data_samples=None, mode='loss'):
        self.taus.append(self.selector.tau)
        decisions = self.selector.sample(self.selector(torch.stack(list(inputs))))
        return {'loss': (decisions * torch.tensor([1., 2.])).sum()}


class Images(torch.utils.data.Dataset):

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {'inputs': torch.randn(3, 32, 32)}


def run(work_dir, epochs, end, resume=False, wrap=None, model=None, **hook):
    """Train 2 iterations per epoch; returns the temperature of each iteration."""
    model = model or Chooser()
    steps = {'by_epoch': True, 'max_epochs': end} if epochs else {'by_epoch': False,
                                                                 'max_iters': end}
    runner = Runner(
        model, str(work_dir), train_cfg=steps, resume=resume,
        train_dataloader={'batch_size': 2, 'num_workers': 0, 'dataset': Images(),
                          'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
        optim_wrapper={'optimizer': {'type': 'SGD', 'lr': 1e-3}},
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 1,
                                      'by_epoch': epochs}},
        custom_hooks=[{'type': 'GumbelTemperatureHook', **hook}],
        default_scope='mmocr', experiment_name=f'gumbel-{resume}-{end}-{work_dir.name}')
    if wrap:
        runner.model = wrap(runner.model)
    runner.train()
    return model.taus


def schedule(steps):
    return pytest.approx([5 * .965**step for step in steps])


def test_falls_by_epoch_and_goes_on_after_a_resume(tmp_path):
    assert run(tmp_path, True, 2) == schedule([0, 0, 1, 1])
    assert run(tmp_path, True, 4, resume=True) == schedule([2, 2, 3, 3])


def test_falls_by_iteration_and_goes_on_after_a_resume(tmp_path):
    counts = {'by_epoch': False, 'interval': 2}
    assert run(tmp_path, False, 3, **counts) == schedule([0, 0, 1])
    assert run(tmp_path, False, 6, resume=True, **counts) == schedule([1, 2, 2])


def test_iterations_count_in_epochs_too(tmp_path):
    assert run(tmp_path, True, 2, by_epoch=False) == schedule([0, 1, 2, 3])


class Wrapper(nn.DataParallel):
    """As a distributed wrapper: the model is in ``module`` and does the training step."""

    def train_step(self, data, optim_wrapper):
        return self.module.train_step(data, optim_wrapper)


def test_looks_inside_a_wrapped_model(tmp_path):
    assert run(tmp_path, True, 2, wrap=Wrapper) == schedule([0, 0, 1, 1])


def test_finds_a_selector_elsewhere(tmp_path):
    model = Chooser()
    model.inner = nn.ModuleDict({'choice': model.selector})
    taus = run(tmp_path, True, 2, model=model, selector='inner.choice', interval=2)
    assert taus == schedule([0, 0, 0, 0])


@pytest.mark.parametrize('selector', ['choose', 'selector.conv1', 'taus'])
def test_no_selector_there(tmp_path, selector):
    with pytest.raises(ValueError, match=f'selector={selector!r}.*Chooser has no'):
        run(tmp_path, True, 1, selector=selector)


def test_a_selector_that_draws_nothing(tmp_path):
    """Its temperature changed nothing, and the hook said nothing."""
    with pytest.raises(ValueError, match='would change nothing: this selector predicts errors'):
        run(tmp_path, True, 1, model=Chooser('errors'))


def test_no_epochs_there(tmp_path):
    with pytest.raises(ValueError, match='IterBasedTrainLoop has none: set by_epoch=False'):
        run(tmp_path, False, 1)


@pytest.mark.parametrize('interval', [0, -1, 1.5])
def test_impossible_interval(interval):
    with pytest.raises(ValueError, match='interval'):
        GumbelTemperatureHook(interval=interval)
