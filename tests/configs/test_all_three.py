"""MaskET, KD-LTR and DLD in one training: as configured, only less and smaller."""
import copy
import os
import re
import subprocess
import sys

import pytest
import torch
from config_zoo import CONFIGS, ROOT, load
from mmengine.config import Config
from mmocr.registry import MODELS

from mmocr_kd.apis.distillation import student_config
from mmocr_kd.apis.student import read_checkpoint, student_checkpoint

NAME = 'dbnet-mobilenetv3-small_crnn-slim-vgg_all-three{}_1e_embedded-pages'
PROJECT = ROOT.parent
LEARNT = ['det.loss_prob', 'rec.loss_ctc', 'det.loss_entropy', 'det.loss_kd', 'loss_visual',
          'loss_semantic', 'loss_logits', 'loss_res_error']


def mim(*args):
    """What a user types, in the folder of the configs; its output."""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'mim', *map(str, args)], cwd=PROJECT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(PROJECT)})
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


def options(folder, **fields):
    """Four images of 160 pixels, and a teacher of reading that has learnt nothing."""
    reader = folder / 'reader.pth'
    if not reader.exists():
        model = MODELS.build(copy.deepcopy(load(CONFIGS['crnn_slim-vgg_3e_embedded-words']).model))
        torch.save({'state_dict': model.state_dict()}, reader)
    data = {f'{part}_dataloader.{field}': value for part in ('train', 'val', 'test')
            for field, value in {
                'num_workers': 0, 'persistent_workers': False,
                'dataset.num_images': 4, 'dataset.image_size': '(448,448)',
                'dataset.text_height': '(18,84)',
                f'dataset.pipeline.{2 if part == "train" else 1}.scale': '(160,160)'}.items()}
    readers = {f'model.losses.{name}.teacher.checkpoint': reader
               for name in ('visual', 'semantic', 'logits')}
    return {**data, **readers, 'train_dataloader.batch_size': 2,
            'model.student.recognizer.init_cfg.checkpoint': reader,
            'default_hooks.logger.interval': 1, **fields}


def typed(options):
    return ['--cfg-options', *(f'{key}={value}' for key, value in options.items())]


def logged(log, name):
    return [float(value) for value in re.findall(rf'\b{re.escape(name)}: (\S+)', log)]


@pytest.mark.nightly
def test_mim_trains_resumes_and_tests(tmp_path):
    config = CONFIGS[NAME.format('')]
    given = options(tmp_path)
    run = ['train', 'mmocr', config, '--work-dir', tmp_path]
    first = mim(*run, *typed(given))
    again = mim(*run, '--resume', *typed({**given, 'train_cfg.max_epochs': 2}))
    assert 'resumed epoch: 1' in again and 'Epoch(train) [2][2/2]' in again
    for log in (first, again):
        for name in LEARNT:
            values = logged(log, name)
            assert len(values) == 2 and all(0 <= value < float('inf') for value in values), name
            # Weights at random read all words alike: there is next to nothing to tell apart. In
            # images as small as these text may be too small to be found.
            assert any(values) or name == 'loss_logits', name
    tested = mim('test', 'mmocr', config, '--checkpoint', tmp_path / 'epoch_2.pth',
                 *typed({**given, 'model.budget': .5}))
    assert logged(tested, 'spotting/e2e_none_hmean') and logged(tested, 'resolution/rel_cost')
    _check_student(tmp_path, config)


def _check_student(folder, config):
    """What was trained is a plain spotter, with a selector and projectors beside it."""
    whole = read_checkpoint(folder / 'epoch_2.pth')
    plain = MODELS.build(student_config(Config.fromfile(config).model))
    plain.load_state_dict(student_checkpoint(whole)['state_dict'], strict=True)
    others = {key.split('.')[0] for key in whole['state_dict']} - set(dict(plain.named_children()))
    assert others == {'selector', 'losses'}


@pytest.mark.parametrize('kind', ['', '-ppocr'])
def test_each_part_can_be_switched_off(kind):
    """By config values alone; what is left are the others."""
    cfg = load(CONFIGS[NAME.format(kind)]).model
    off = {'terms': {'terms': []}, 'losses': {'losses': dict.fromkeys(cfg.losses)},
           'selector': {'selector': None, 'objective': None, 'scale_factors': [1.]}}
    for name, fields in off.items():
        model = MODELS.build({**cfg.to_dict(), **fields})
        left = {'terms': model._terms is not None, 'losses': bool(len(model.losses)),
                'selector': model.selector is not None}
        assert left == {part: part != name for part in off}


def test_black_boxes_teach_both_parts():
    model = MODELS.build(load(CONFIGS[NAME.format('-ppocr')]).model)
    assert [type(teacher).__name__ for teacher in model.teachers] == ['OnnxTeacher'] * 2
    assert list(model.losses) == ['nbest']
