"""MATRN as a whole: it learns, predicts, and runs under MIM as MMOCR's own recognisers do."""
import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_matrn
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmocr.registry import MODELS

ROOT = Path(__file__).resolve().parents[3]
CONFIG = 'configs/textrecog/matrn/matrn-small_8e_embedded.py'


def build(**fields):
    return MODELS.build(tiny_matrn.matrn_cfg(**fields))


def predict(model, data):
    return [sample.pred_text.item for sample in model.eval().test_step(copy.deepcopy(data))]


def test_it_learns_a_batch_by_heart():
    model, data = build(num_iters=1), tiny_matrn.batch('kd', '2022')
    wrapper = OptimWrapper(torch.optim.Adam(model.parameters(), lr=5e-3))
    losses = [model.train().train_step(copy.deepcopy(data), wrapper)['loss'].item()
              for _ in range(70)]
    assert losses[-1] < losses[0] / 5
    assert predict(model, data) == ['kd', '2022']


def test_prediction_is_deterministic_and_needs_no_labels():
    model, data = build(), tiny_matrn.batch('kd', 'matrn')
    first = predict(model, data)
    for sample in data['data_samples']:
        del sample.gt_text
    assert predict(model, data) == first


@pytest.mark.parametrize('texts', [['word'], ['a'], ['a', 'b', 'c']])
def test_small_batches_and_one_character_words_train(texts):
    # A map of 8x32, as published: at half the width, one image has one value per channel left at
    # the bottom of the small U-Net, which batch normalisation refuses.
    model = MODELS.build(tiny_matrn.matrn_cfg(map_width=32))
    data = model.data_preprocessor(tiny_matrn.batch(*texts, width=64), True)
    losses = model(**data, mode='loss')
    assert set(losses) == {'loss_visual', 'loss_lang', 'loss_fusion'}
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_autocast_trains():
    model = build()
    data = model.data_preprocessor(tiny_matrn.batch('kd', 'q'), True)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model(**data, mode='loss')
    sum(losses.values()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_the_learned_mask_token_is_saved_and_nothing_random_is():
    model, other = build(), build()
    other.load_state_dict(model.state_dict(), strict=True)
    assert 'decoder.semantic_visual.masking.v_token' in model.state_dict()
    data = tiny_matrn.batch('kd')
    assert predict(model, data) == predict(other, data)


@pytest.mark.nightly
def test_mim_trains_the_embedded_example(tmp_path):
    few = [f'{loader}_dataloader.{field}' for loader in ('train', 'val') for field in (
        'dataset.num_images=3', 'num_workers=0', 'persistent_workers=False')]
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'mim', 'train', 'mmocr', CONFIG,
         '--work-dir', str(tmp_path), '--cfg-options', 'default_hooks.logger.interval=1',
         'train_cfg.max_epochs=1', 'train_dataloader.batch_size=8', *few],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT)})
    assert done.returncode == 0, done.stdout[-3000:]
    assert 'loss_fusion' in done.stdout
    assert 'embedded/recog/word_acc_ignore_case_symbol' in done.stdout  # it was validated, too
    saved = torch.load(tmp_path / 'epoch_1.pth', map_location='cpu', weights_only=False)
    plain = MODELS.build(Config.fromfile(ROOT / CONFIG).model)
    plain.load_state_dict(saved['state_dict'], strict=True)
