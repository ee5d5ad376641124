"""Real processes: killed in the middle of an epoch and resumed; a broken file in the data."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import tiny
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

ROOT = Path(__file__).parents[2]
PIPELINE = [
    {'type': 'CheckedLoadImageFromFile'},
    {'type': 'LoadOCRAnnotations', 'with_polygon': True, 'with_bbox': True, 'with_label': True},
    {'type': 'PackTextDetInputs', 'meta_keys': ('img_path', 'ori_shape', 'img_shape')},
]


@pytest.fixture
def config(tmp_path):
    """A distilled training on files: 3 epochs of 40 iterations."""
    images = []
    for index in range(8):
        image = np.random.default_rng(index).integers(0, 255, (64, 96, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f'{index}.png'), image)
        images.append({
            'img_path': f'{index}.png', 'height': 64, 'width': 96,
            'instances': [{'polygon': tiny.box(10, 15).tolist(), 'bbox': [10, 15, 70, 39],
                           'bbox_label': 0, 'ignore': False}]})
    meta = {'dataset_type': 'TextDetDataset', 'task_name': 'textdet',
            'category': [{'id': 0, 'name': 'text'}]}
    (tmp_path / 'train.json').write_text(json.dumps({'metainfo': meta, 'data_list': images}))
    teacher = tiny.checkpoint(tmp_path / 'teacher.pth', tiny.dbnet_cfg(width=.5))
    cfg = Config({
        'custom_imports': {'imports': ['mmocr_kd'], 'allow_failed_imports': False},
        'default_scope': 'mmocr',
        'model': tiny.dbnet_cfg(),
        'train_dataloader': {
            'batch_size': 2, 'num_workers': 1, 'persistent_workers': True,
            'sampler': {'type': 'DefaultSampler', 'shuffle': True},
            'dataset': {'type': 'RepeatDataset', 'times': 10, 'dataset': {
                'type': 'OCRDataset', 'data_root': str(tmp_path), 'ann_file': 'train.json',
                'pipeline': PIPELINE}}},
        'train_cfg': {'by_epoch': True, 'max_epochs': 3},
        'randomness': {'seed': 0},
        'optim_wrapper': {'optimizer': {'type': 'Adam', 'lr': 1e-3}},
        'custom_hooks': [{'type': 'MaskETDistillHook', 'teacher': teacher,
                          'terms': [{'loss_weight': 'auto', 'every': 7}]},
                         {'type': 'EMAHook'}],
        'work_dir': str(tmp_path / 'run'),
    })
    cfg.dump(tmp_path / 'distill.py')
    return tmp_path / 'distill.py'


def start(config, *arguments):
    return subprocess.Popen(
        [sys.executable, '-W', 'ignore', str(ROOT / 'tools' / 'train.py'), str(config), *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT)})


def logged_steps(work_dir):
    steps = []
    for log in sorted(work_dir.glob('*/vis_data/scalars.json')):
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        steps += [line['step'] for line in lines if 'loss' in line]
    return steps


def test_killed_in_an_epoch_and_resumed(config):
    work_dir = config.parent / 'run'
    process = start(config)
    deadline = time.time() + 1800
    for line in process.stdout:  # kill in epoch 2: epoch 1 is saved by then
        if '[2][10/40]' in line or time.time() > deadline:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert (work_dir / 'epoch_1.pth').exists() and not (work_dir / 'epoch_3.pth').exists()
    output, _ = start(config, '--resume').communicate(timeout=1800)
    assert (work_dir / 'epoch_3.pth').exists(), output[-3000:]
    assert logged_steps(work_dir)[-8:] == list(range(50, 121, 10))
    saved = torch.load(work_dir / 'epoch_3.pth', weights_only=True)
    assert saved['meta']['iter'] == 120 and saved['meta']['epoch'] == 3
    MODELS.build(tiny.dbnet_cfg()).load_state_dict(saved['state_dict'], strict=True)
    history = saved['message_hub']['log_scalars']
    assert len(history['train/loss_kd'].data[0]) == 120
    # Solved for every seventh step, whatever was in between: without its state the resumed training
    # would solve in its first step, five after the last solution. A batch whose gradient is zero
    # tells nothing, and the next one is asked, so that later solutions may be further apart.
    weights = history['train/weight_term0'].data[0]
    changed = np.flatnonzero(np.diff(weights)) + 1
    assert len(changed) > 10 and np.diff(changed).min() == 7


@pytest.mark.parametrize('content', [b'', b'not an image', None])
def test_a_broken_image_is_named(config, content):
    path = config.parent / '5.png'
    path.unlink() if content is None else path.write_bytes(content)
    process = start(config)
    output, _ = process.communicate(timeout=1800)
    assert process.returncode != 0
    assert '5.png' in output
