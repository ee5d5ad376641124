"""Every config on a page, pasted into a file, trains and is tested: only the data are a stranger's.

Teachers and spotters that a page tells to train first have random weights.
"""
from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Iterator

import own_data
import pages
import pytest
import tiny_ratings
import torch
from mmengine.config import Config, ConfigDict
from mmengine.runner import Runner
from mmocr.registry import DATASETS, MODELS

from mmocr_kd.apis.cache import prepare_filling
from mmocr_kd.distill import model_config

CONFIGS = [block for block in pages.blocks('python') if '_base_' in block.text]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """The project's folder, with nothing in it that was made."""
    (tmp_path / 'configs').symlink_to(pages.ROOT / 'configs')
    own_data.write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize('block', CONFIGS, ids=str)
def test_trains_and_predicts(block, checkout):
    (checkout / 'my_config.py').write_text(block.text)
    cfg = shortened(Config.fromfile('my_config.py'), checkout)
    make_checkpoints(cfg)
    make_ratings(cfg)
    if "type='CachedTeacher'" in block.text:
        list(prepare_filling(cfg, 'mmocr-kd cache my_config.py').run())
    runner = Runner.from_cfg(cfg)
    if re.search('^(model|custom_hooks) =', block.text, re.M):  # others are about testing
        runner.train()
        losses = [buffer.current() for name, buffer in runner.message_hub.log_scalars.items()
                  if 'loss' in name]
        assert losses and all(map(math.isfinite, losses))
    assert runner.test()


def shortened(cfg: Config, folder: Path) -> Config:
    """One epoch of one batch of the stranger's data, one test; no downloads, no processes."""
    short: dict[str, Any] = own_data.use(cfg.to_dict(), folder)
    short['model'] = without_downloads(short['model'])
    short.update(train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=1, val_interval=9),
                 param_scheduler=[], work_dir='work_dirs/my_config', launcher='none')
    short.setdefault('env_cfg', {})['mp_cfg'] = dict(mp_start_method=None, opencv_num_threads=0)
    for part in ('train', 'val', 'test'):
        short[f'{part}_dataloader'].update(batch_size=2, num_workers=0, persistent_workers=False)
    return Config(short)


def without_downloads(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: without_downloads(value) for key, value in node.items()
                if not (key == 'init_cfg' and '://' in str(value))}
    return [without_downloads(item) for item in node] if isinstance(node, list) else node


def make_checkpoints(cfg: Config) -> None:
    """Write random weights where the config looks for those of its teachers, and of its start."""
    models = {node['checkpoint']: model_config(node['config']) for node in dicts(cfg.to_dict())
              if {'config', 'checkpoint'} <= set(node)}
    for node in dicts(cfg.to_dict()):
        start = node.get('init_cfg') or {}
        if start.get('type') == 'Pretrained':
            models[start['checkpoint']] = {**node, 'init_cfg': None}
    if cfg.get('load_from'):
        models[cfg.load_from] = cfg.model.get('detector') or cfg.model.student
    for path, model in models.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        built = MODELS.build(without_downloads(ConfigDict(model).to_dict()))
        torch.save(built.state_dict(), path)


def make_ratings(cfg: Config) -> None:
    """Rate the stranger's data, or say so of data that are rendered, where the config looks."""
    for node in dicts(cfg.to_dict()):
        if node.get('type') in ('StoredErrors', 'HeightErrors'):
            data = DATASETS.build(cfg.train_dataloader.dataset)
            paths = {data.get_data_info(i)['img_path'] for i in range(len(data))}
            tiny_ratings.write(node['file'], paths, cfg.model.selector.scale_factors)


def dicts(node: Any) -> Iterator[dict]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, (dict, list)):
            yield from dicts(child)
