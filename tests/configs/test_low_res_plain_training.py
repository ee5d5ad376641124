"""A low-resolution student is a recogniser like any other: mim trains it, without any distiller."""
import math
import os
import re
import subprocess
import sys

import pytest
import torch
from config_zoo import ROOT
from mmengine.config import Config
from mmocr.registry import MODELS

CONFIG = """
_base_ = [
    '{root}/textrecog/_base_/datasets/embedded.py',
    'mmocr::textrecog/_base_/default_runtime.py',
    'mmocr::textrecog/_base_/schedules/schedule_adam_base.py',
    '{root}/textrecog/kd_ltr/_base_/models/crnn_lr.py',
]
custom_imports = dict(imports=['mmocr_kd'], allow_failed_imports=False)
test_pipeline = [
    dict(type='LoadImageFromFile', color_type='grayscale'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='Resize', scale=(50, 16), keep_ratio=False),
    dict(type='PackTextRecogInputs',
         meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]
# Labels lose the characters that the dictionary lacks.
_base_.model.decoder.dictionary.update(with_unknown=True, unknown_token=None)
_base_.train_cfg.update(max_epochs=6, val_interval=6)
_base_.param_scheduler = []
_data = dict(num_images=3, image_size=(128, 128), num_blocks=(2, 3), pipeline=test_pipeline)
train_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(_base_.embedded_textrecog_train, **_data))
val_dataloader = dict(
    batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.embedded_textrecog_val, **_data))
test_dataloader = val_dataloader
val_evaluator = dict(dataset_prefixes=['embedded'])
test_evaluator = val_evaluator
default_hooks = dict(logger=dict(interval=1))
randomness = dict(seed=0)
"""


@pytest.mark.nightly
def test_mim_trains_a_student_and_its_weights_fit_the_teacher(tmp_path):
    config = tmp_path / 'crnn_lr_6e_embedded.py'
    config.write_text(CONFIG.format(root=ROOT))
    log = mim('train', 'mmocr', str(config), '--work-dir', str(tmp_path))
    losses = [float(loss) for loss in re.findall(r' loss: (\S+)', log)]
    assert len(losses) >= 6 and all(map(math.isfinite, losses))
    third = len(losses) // 3
    assert sum(losses[-third:]) < sum(losses[:third])
    assert 'embedded/recog/word_acc' in log
    trained = torch.load(tmp_path / 'epoch_6.pth', weights_only=False)['state_dict']
    student = Config.fromfile(config).model
    for kind in ('LowResMiniVGG', 'MiniVGG'):
        student.backbone.type = kind
        MODELS.build(student).load_state_dict(trained, strict=True)


def mim(*args):
    """Output of a mim command, run in the project's folder."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'mim', *args], cwd=ROOT.parent, text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout
