"""Runs as MMOCR's train.py and test.py start them: a config, and what a command line changes."""
from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from .missing_files import require_files
from .read_config import read_config


def run_config(path: str, options: dict[str, Any], work_dir: str | None = None,
               launcher: str = 'none', local_rank: int = 0) -> Config:
    """Read a run's config.

    Args:
        path: See :func:`~.read_config.read_config`.
        options: Fields to replace: dotted name -> value.
        work_dir: Folder for logs and checkpoints; None: that of the config, or else
            work_dirs/<name of the config>.
        launcher: 'none', 'pytorch', 'slurm' or 'mpi'.
        local_rank: Of the process on its machine, if the launcher has not set ``LOCAL_RANK``.
    """
    os.environ.setdefault('LOCAL_RANK', str(local_rank))
    cfg = read_config(path, options)
    cfg.launcher = launcher
    cfg.work_dir = work_dir or cfg.get('work_dir') or str(Path('work_dirs', Path(path).stem))
    return cfg


def train(cfg: Config) -> None:
    """Train, if the files are there that training needs.

    Args:
        cfg: As :func:`run_config` gives it.

    Raises:
        FileNotFoundError: If any is missing.
    """
    validated = ['val_dataloader'] if cfg.get('val_cfg') else []
    require_files(cfg, ['train_dataloader', *validated], training=True)
    _run(cfg, 'train')


def test(cfg: Config) -> None:
    """Test ``load_from``, if the files are there.

    Args:
        cfg: As :func:`run_config` gives it.

    Raises:
        FileNotFoundError: If any is missing.
    """
    require_files(cfg, ['test_dataloader'])
    _run(cfg, 'test')


def use_amp(cfg: Config) -> None:
    """Train in mixed precision.

    Args:
        cfg: Of a training; changed.

    Raises:
        ValueError: If it has an optimizer wrapper of another kind.
    """
    kind = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if kind.rpartition('.')[2] not in ('OptimWrapper', 'AmpOptimWrapper'):  # dotted in read_base
        raise ValueError(f'--amp needs optim_wrapper.type=OptimWrapper, the config has {kind!r}')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def scale_lr(cfg: Config) -> None:
    """Scale the learning rate by batch size.

    Args:
        cfg: Of a training; changed.

    Raises:
        ValueError: If it does not say for which batch size its learning rate is.
    """
    if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
        raise ValueError('--auto-scale-lr needs auto_scale_lr.base_batch_size in the config')
    cfg.auto_scale_lr.enable = True


def draw(cfg: Config, folder: str | None, wait_time: float) -> None:
    """Draw predictions and ground truth.

    Args:
        cfg: Of a test; changed.
        folder: Where pictures are written; None: they are shown in a window.
        wait_time: Seconds a window stays.

    Raises:
        ValueError: If it has no hook that draws.
    """
    hook = cfg.get('default_hooks', {}).get('visualization')
    if hook is None:
        raise ValueError('--show and --show-dir need default_hooks.visualization in the config')
    hook.update(enable=True, draw_gt=True, draw_pred=True, show=not folder, wait_time=wait_time)
    if folder:
        cfg.visualizer.update(save_dir=folder, vis_backends=[dict(type='LocalVisBackend')])


def augment(cfg: Config) -> None:
    """Test with augmentation.

    Args:
        cfg: Of a test; changed.

    Raises:
        ValueError: If it does not say how.
    """
    if 'tta_model' not in cfg or 'tta_pipeline' not in cfg:
        raise ValueError('--tta needs tta_model and tta_pipeline in the config')
    cfg.test_dataloader.dataset.pipeline = cfg.tta_pipeline
    cfg.model = dict(cfg.tta_model, module=cfg.model)


def save_predictions(cfg: Config) -> None:
    """Write predictions to <work dir>/<checkpoint>_predictions.pkl.

    Args:
        cfg: Of a test; changed.
    """
    path = Path(cfg.work_dir, f'{Path(cfg.load_from).name}_predictions.pkl')
    metrics = cfg.test_evaluator
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    cfg.test_evaluator = [*metrics, dict(type='DumpResults', out_file_path=str(path))]


def _run(cfg: Config, what: str) -> None:
    """By a runner of the config's own type, if it names one; the log keeps the traceback."""
    runner = RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
    try:
        getattr(runner, what)()
    except Exception:
        MMLogger.get_current_instance().error(traceback.format_exc())
        raise
