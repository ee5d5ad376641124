"""The shipped config with a black box as teacher: its store is filled and it trains, as shown."""
import json

import pytest
from click.testing import CliRunner
from config_zoo import CONFIGS
from mmengine.config import Config
from mmengine.runner import Runner

from mmocr_kd.cli import main

NAME = 'crnn-lr-nbest-ppocr_3e_embedded'


def test_ppocr_teaches_crnn(tmp_path, monkeypatch):
    pytest.importorskip('rapidocr')
    monkeypatch.chdir(tmp_path)
    few = 'train_dataloader.dataset.num_images=2'
    done = CliRunner().invoke(main, ['cache', str(CONFIGS[NAME]), '--cfg-options', few])
    assert done.exit_code == 0, done.output
    lines = (tmp_path / 'work_dirs/cache/ppocr_embedded-words/readings/readings.jsonl').read_text()
    entries = [json.loads(line) for line in lines.splitlines()]
    assert f'{len(entries)} images written' in done.output
    cfg = Config.fromfile(CONFIGS[NAME], format_python_code=False)
    cfg.train_dataloader.dataset.num_images = 2
    cfg.train_dataloader.update(batch_size=4, num_workers=0, persistent_workers=False)
    cfg.merge_from_dict(dict(train_cfg=dict(max_epochs=1, val_interval=9), work_dir='work_dirs',
                             val_cfg=None, val_dataloader=None, val_evaluator=None))
    runner = Runner.from_cfg(cfg)
    runner.train()
    logged = {name: buffer.data[0] for name, buffer in runner.message_hub.log_scalars.items()}
    assert len(logged['train/loss_nbest']) == len(entries) // 4
    assert all(0 < value < 100 for value in logged['train/loss_nbest'])
    # Nearly all of what it says has the student's letters, once it is in lower case.
    assert min(logged['train/nbest_kept']) > .8
    words = (data['data_samples'] for data in runner.train_dataloader.dataset)
    read = [word.teacher_readings[0][0].lower() == word.gt_text.item
            for word in words if word.ori_shape[0] > 24]
    assert len(read) > 2 and all(read)
