"""The recipe for Weights & Biases with the package, which no extra brings. Downloads it."""
import pytest
from installation import ROOT, Environment

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group('packaging')]


def test_the_recipe_runs(tmp_path):
    environment = Environment(tmp_path / 'venv')
    environment.pip('install', '-q', 'wandb')
    log = environment.run('-m', 'pytest', '-q', '-p', 'no:warnings', '-p', 'no:cacheprovider',
                          'tests/hooks/test_masket_distill_hook.py', '-k', 'wandb', cwd=ROOT,
                          PYTHONPATH=str(ROOT))
    assert '1 passed' in log, log
