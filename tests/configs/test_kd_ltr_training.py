"""The smallest KD-LTR config as a user runs it: mim trains and tests it."""
import math
import os
import re
import subprocess
import sys

import pytest
import torch
from config_zoo import CONFIGS, ROOT, load
from kd_ltr_pairs import teacher_config
from mmocr.registry import MODELS

from mmocr_kd.apis import read_checkpoint, student_checkpoint

CONFIG = CONFIGS['parseq-mini-lr_kd-ltr_3e_embedded']
SCORE = 'embedded/recog/word_acc_ignore_case_symbol'


@pytest.mark.nightly  # 50 s; mim itself is run in tests/packaging
def test_mim_trains_and_tests_student_and_teacher(tmp_path):
    teacher = MODELS.build(teacher_config(load(CONFIG)).model)
    torch.save(teacher.state_dict(), tmp_path / 'teacher.pth')
    short = ['--work-dir', tmp_path, '--cfg-options', 'train_cfg.max_epochs=1',
             f'model.teacher.checkpoint={tmp_path / "teacher.pth"}',
             'train_dataloader.batch_size=4', 'default_hooks.logger.interval=1',
             *[f'{part}_dataloader.{field}' for part in ('train', 'val', 'test') for field in (
                 'dataset.num_images=2', 'num_workers=0', 'persistent_workers=False')]]
    log = mim('train', 'mmocr', CONFIG, *short)
    losses = {name: [*map(float, re.findall(rf' loss_{name}: (\S+)', log))]
              for name in ('visual', 'semantic', 'logits', 'hard')}
    assert all(len(values) >= 2 and all(map(math.isfinite, values)) for values in losses.values())
    assert SCORE in log
    checkpoint = tmp_path / 'epoch_1.pth'
    log = mim('test', 'mmocr', CONFIG, '--checkpoint', checkpoint, *short,
              'model.eval_mode=teacher_hr')
    assert SCORE in log
    student = MODELS.build(load(CONFIG).model.student)
    student.load_state_dict(student_checkpoint(read_checkpoint(checkpoint))['state_dict'])


def mim(*args):
    """Output of a mim command, run in the project's folder."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'mim', *map(str, args)], cwd=ROOT.parent,
        text=True, env={**os.environ, 'OMP_NUM_THREADS': '1'}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout
