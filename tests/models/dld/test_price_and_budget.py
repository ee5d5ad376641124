"""One training, the whole frontier: price and budget are arguments of the test, typed as a user."""
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[3]
BASE = ROOT / ('configs/textdet/dld/'
               'dbnet_efficientnet-lite0_fpnc64_selector-reading_1e_embedded-pages.py')
CONFIG = """
_base_ = ['{base}']
for part, count in ((_base_.train_dataloader, 8), (_base_.val_dataloader, 6)):
    part.num_workers, part.persistent_workers = 0, False
    part.dataset.update(num_images=count, image_size=(128, 128), text_height=(12, 40))
    part.dataset.pipeline[[step.type for step in part.dataset.pipeline].index('Resize')].scale = (
        128, 128)
test_dataloader = _base_.val_dataloader
model = dict(recognizer=None, selector=dict(base_channels=16, input_short_edge=None))
optim_wrapper = dict(optimizer=dict(lr=0.0))
load_from = '{start}'
"""


def mim(*args, check=True):
    done = subprocess.run([sys.executable, '-W', 'ignore', '-m', 'mim', *map(str, args)],
                          cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT)})
    assert not check or done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.mark.nightly
def test_one_training_is_tested_at_any_price_and_budget(tmp_path):
    config, folder = tmp_path / 'selector.py', tmp_path / 'run'
    # Weights that tell images apart, which a training of seconds does not find.
    weights = 30 * torch.randn(5, 16, generator=torch.Generator().manual_seed(0))
    torch.save({'state_dict': {'selector.fc.weight': weights}}, tmp_path / 'start.pth')
    config.write_text(CONFIG.format(base=BASE, start=tmp_path / 'start.pth'))
    assert 'loss_res_error' in mim('train', 'mmocr', config, '--work-dir', folder)
    path = folder / 'epoch_1.pth'
    table = torch.load(path, weights_only=False)['state_dict']['selector.mean_costs'].unique()
    assert len(table) > 1 and not table.isnan().any()

    def cost(*options):
        said = mim('test', 'mmocr', config, '--checkpoint', path, '--work-dir', tmp_path / 'test',
                   '--cfg-options', *options)
        return float(re.findall(r'resolution/rel_cost: ([\d.]+)', said)[-1])

    assert cost('model.price=1000000') == pytest.approx(table[0].item(), abs=1e-3)
    assert cost(f'model.budget={table[-1].item()}') == pytest.approx(table[-1].item(), abs=1e-3)
