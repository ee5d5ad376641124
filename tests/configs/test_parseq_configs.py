"""PARSeq's configs: the published sizes and recipe, pipelines that run, and a real training."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from config_zoo import CONFIGS, build, load
from mmengine.config import Config
from mmengine.registry import OPTIM_WRAPPERS, PARAM_SCHEDULERS
from mmengine.runner import Runner
from mmengine.structures import LabelData
from mmocr.registry import DATASETS
from mmocr.structures import TextRecogDataSample
from PIL import Image
from torch.optim.lr_scheduler import OneCycleLR

PUBLISHED = {'parseq_20e_st_mj': 23_832_671, 'parseq-tiny_20e_st_mj': 6_018_143}
EXAMPLE = 'parseq-mini_10e_embedded'


@pytest.mark.parametrize('name, count', PUBLISHED.items())
def test_sizes(name, count):
    model = build(load(CONFIGS[name]))
    assert sum(p.numel() for p in model.parameters()) == count


@pytest.mark.parametrize('name', [*PUBLISHED, EXAMPLE])
def test_learns_and_reads(name):
    model, images = build(load(CONFIGS[name])), torch.randn(2, 3, 32, 128)
    samples = [TextRecogDataSample(gt_text=LabelData(item=word)) for word in ('PARSeq', '|^_^|')]
    loss = model.train()(images, samples, mode='loss')['loss_ce']
    assert 3 < loss.item() < 7  # log(95) = 4.6
    with torch.no_grad():
        read = model.eval()(images, samples, mode='predict')
    assert all(len(sample.pred_text.item) <= 26 for sample in read)


def test_dictionary_is_printable_ascii_in_parseqs_order():
    dictionary = build(load(CONFIGS[EXAMPLE])).decoder.dictionary
    printable = [chr(code) for code in range(33, 127)]
    assert sorted(dictionary.dict[:-1]) == printable and len(dictionary.dict) == 95
    assert ''.join(dictionary.dict[:68]) == (
        '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!"#$%&')
    assert dictionary.end_idx == 94


def rates(cfg, iterations=20):
    """Learning rates of a whole training with so many iterations per epoch."""
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.AdamW([weight], lr=cfg.optim_wrapper.optimizer.lr)
    wrapper = OPTIM_WRAPPERS.build(dict(type='OptimWrapper', optimizer=optimizer))
    schedulers = [schedule_of(fields, wrapper, iterations) for fields in cfg.param_scheduler]
    found = []
    for _ in range(cfg.train_cfg.max_epochs * iterations):
        found.append(wrapper.get_lr()['lr'][0])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    for scheduler in schedulers:  # as saved; the safe way to load it knows no functions
        assert not any(map(callable, scheduler.state_dict().values()))
    return found


def schedule_of(fields, wrapper, iterations):
    fields = {k: v for k, v in fields.items() if k != '_scope_'}
    cls = PARAM_SCHEDULERS.get(fields.pop('type'))
    if fields.pop('convert_to_iter_based', False):
        return cls.build_iter_from_epoch(wrapper, epoch_length=iterations, **fields)
    return cls(wrapper, **fields)


def test_published_schedule():
    """A cycle that peaks after 1.5 epochs, held from epoch 15 on while weights are averaged."""
    cfg = load(CONFIGS['parseq_20e_st_mj'])
    found = rates(cfg)
    peak = 7e-4 * 2**.5 * 384 / 256
    assert max(found) == pytest.approx(peak, rel=1e-3)
    assert found.index(max(found)) == pytest.approx(1.5 * 20, abs=2)
    assert found[0] == pytest.approx(peak / 25, rel=1e-3)
    torch_cycle = OneCycleLR(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.), peak, 400,
                             pct_start=.075)
    for step, rate in enumerate(found[:300]):
        if step > 40:  # past the warm-up, which is a straight line here
            assert rate == pytest.approx(torch_cycle.get_last_lr()[0], rel=.02)
        torch_cycle.optimizer.step()
        torch_cycle.step()
    assert len(set(found[301:])) == 1
    assert cfg.optim_wrapper.clip_grad.max_norm == 20
    (averaging,) = cfg.custom_hooks
    assert averaging.ema_type == 'StochasticWeightAverage' and averaging.begin_epoch == 16


def test_schedule_of_the_example():
    cfg = load(CONFIGS[EXAMPLE])
    found = rates(cfg, iterations=200)
    assert max(found) == pytest.approx(cfg.optim_wrapper.optimizer.lr, rel=2e-2)
    assert found.index(max(found)) == pytest.approx(150, abs=2)
    assert 0 < found[-1] < 1e-3 * max(found)


def write_crops(folder, words):
    """Write noise crops with these labels as ``words.json``, in MMOCR's format."""
    entries, generator = [], np.random.default_rng(0)
    for number, word in enumerate(words):
        pixels = generator.integers(0, 256, (20 + number, 61, 3), np.uint8)
        cv2.imwrite(str(folder / f'{number}.png'), pixels)
        entries.append(dict(img_path=f'{number}.png', instances=[dict(text=word)]))
    meta = dict(dataset_type='TextRecogDataset', task_name='textrecog')
    (folder / 'words.json').write_text(json.dumps(dict(metainfo=meta, data_list=entries)))


@pytest.fixture
def crops(tmp_path):
    def crops(words, pipeline):
        write_crops(tmp_path, words)
        return DATASETS.build(dict(type='OCRDataset', data_root=str(tmp_path),
                                   ann_file='words.json', pipeline=pipeline))
    return crops


def test_training_pipeline_augments_words_of_known_characters(crops):
    cfg = load(CONFIGS['parseq_20e_st_mj'])
    np.random.seed(0)
    data = crops(['caf\u00e9', 'fine', 'a' * 26, '\u00e9'],
                 cfg.train_dataloader.dataset.pipeline)
    drawn = [data[index % 4] for index in range(60)]
    assert {sample['data_samples'].gt_text.item for sample in drawn} == {'caf', 'fine'}
    assert {tuple(sample['inputs'].shape) for sample in drawn} == {(3, 32, 128)}
    same = [sample['inputs'] for sample in drawn if sample['data_samples'].img_path[-5:] == '1.png']
    assert len({image.numpy().tobytes() for image in same}) > len(same) / 2


def test_test_pipeline_keeps_labels_and_resizes_bicubically(crops):
    cfg = load(CONFIGS['parseq_20e_st_mj'])
    (sample,) = crops(['caf\u00e9 au lait'], cfg.test_dataloader.dataset.pipeline)
    assert sample['data_samples'].gt_text.item == 'caf\u00e9 au lait'
    image = cv2.imread(sample['data_samples'].img_path)
    wanted = np.asarray(Image.fromarray(image).resize((128, 32), Image.Resampling.BICUBIC))
    assert np.array_equal(sample['inputs'].permute(1, 2, 0).numpy(), wanted)


def test_published_recipe_trains(tmp_path):
    """Two epochs of four iterations with one block; the second is averaged."""
    cfg = Config.fromfile(CONFIGS['parseq-tiny_20e_st_mj'], format_python_code=False)
    write_crops(tmp_path, ['four', 'words', 'to', 'learn'])
    cfg.merge_from_dict({
        'work_dir': str(tmp_path), 'model.backbone.depth': 1, 'train_cfg.max_epochs': 2,
        'custom_hooks.0.begin_epoch': 2, 'env_cfg.mp_cfg.mp_start_method': None})
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    for part in cfg.train_dataloader.dataset.datasets:
        part.update(data_root=str(tmp_path), ann_file='words.json')
    for part in ('val', 'test'):
        cfg.update({f'{part}_{key}': None for key in ('cfg', 'dataloader', 'evaluator')})
    Runner.from_cfg(cfg).train()
    saved = torch.load(tmp_path / 'epoch_2.pth', weights_only=True)
    assert saved['ema_state_dict']['steps'] == 4
    averaged, last = saved['state_dict'], saved['ema_state_dict']
    assert not torch.equal(averaged['decoder.head.weight'], last['module.decoder.head.weight'])


@pytest.mark.nightly
def test_example_trains_and_tests_through_mim(tmp_path):
    config, root = CONFIGS[EXAMPLE], Path(__file__).resolve().parents[2]
    short = ['--work-dir', tmp_path, '--cfg-options', 'train_cfg.max_epochs=1',
             'train_dataloader.batch_size=4', 'default_hooks.logger.interval=1',
             *[f'{name}_dataloader.{field}' for name in ('train', 'val', 'test')
               for field in ('dataset.num_images=2', 'num_workers=0',
                             'persistent_workers=False')]]
    log = mim('train', 'mmocr', config, *short, cwd=root)
    losses = [float(value) for value in re.findall(r'loss_ce: ([\d.]+)', log)]
    assert len(losses) > 2 and 3 < losses[0] < 7
    log = mim('test', 'mmocr', config, '--checkpoint', tmp_path / 'epoch_1.pth', *short, cwd=root)
    assert 'embedded/recog/word_acc_ignore_case_symbol' in log


def mim(*args, cwd):
    done = subprocess.run([sys.executable, '-W', 'ignore', '-m', 'mim', *map(str, args)], cwd=cwd,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, 'OMP_NUM_THREADS': '1'})
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


def test_readme_and_metafile_name_what_exists():
    folder = CONFIGS[EXAMPLE].parent
    readme, metafile = ((folder / name).read_text() for name in ('README.md', 'metafile.yml'))
    assert set(re.findall(r'`([\w-]+)\.py`', readme)) == {*PUBLISHED, EXAMPLE}
    assert set(re.findall(r'- Name: (parseq.*)', metafile)) == set(PUBLISHED)
    for link in re.findall(r'\]\(([^)]+)\)', readme):
        assert link.startswith('http') or (folder / link).exists()
    root = folder.parents[2]
    assert all((root / path).is_file() for path in re.findall(r'Config: (.*)', metafile))
