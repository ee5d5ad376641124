"""The configs of detectors behind a resolution selector train, test and start as they say."""
import math
import re

import pytest
import torch
from config_zoo import CONFIGS, ROOT, load, without_pretrained
from guides import broken_links, examples
from mmengine.config import Config
from mmengine.runner import Runner
from mmocr.registry import MODELS

PLAIN = 'dbnet_mobilenetv3-large_fpnc_1e_embedded-12k'
BY_DETECTION = 'dbnet_mobilenetv3-large_fpnc_dld-det_1e_embedded-sizes'
BY_READING = 'dbnet_mobilenetv3-large_fpnc_dld-rec-lr_1e_embedded-sizes'
READER = 'crnn_slim-vgg_3e_words'
README = ROOT / 'textdet/dld/README.md'


def _short(name, tmp_path):
    """A config cut down to a few small images, starting from random weights of the right names."""
    cfg = Config.fromfile(CONFIGS[name])
    parts = ('train', 'val', 'test')
    cfg.merge_from_dict({
        'work_dir': str(tmp_path), 'load_from': str(_save(PLAIN, tmp_path)),
        'env_cfg.mp_cfg.mp_start_method': None, 'train_dataloader.batch_size': 2,
        **{f'{part}_dataloader.{field}': value for part in parts
           for field, value in (('num_workers', 0), ('persistent_workers', False))},
        **{f'{part}_dataloader.dataset.datasets': [_images(cfg, part)] for part in parts}})
    for part in parts:
        for step in cfg[f'{part}_dataloader'].dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (96, 96)
    return cfg


def _images(cfg, part):
    dataset = cfg[f'{part}_dataloader'].dataset.datasets[0].to_dict()
    return {**dataset, 'num_images': 4, 'image_size': (128, 128), 'text_height': (16, 24)}


def _built(name):
    """A copy of the config, because MMOCR's decoders write into theirs."""
    return MODELS.build(load(CONFIGS[name]).model.to_dict())


def _save(name, tmp_path):
    torch.manual_seed(0)
    path = tmp_path / f'{name}.pth'
    torch.save({'state_dict': _built(name).state_dict()}, path)
    return path


@pytest.mark.parametrize('name', [BY_DETECTION, BY_READING])
def test_trains_and_tests(name, tmp_path):
    cfg = _short(name, tmp_path)
    if name == BY_READING:
        cfg.model.recognizer.checkpoint = str(_save(READER, tmp_path))
    runner = Runner.from_cfg(cfg)
    runner.train()
    for loss in ('loss_prob', 'loss_thr', 'loss_db', 'loss_res_error', 'res_cost'):
        assert math.isfinite(runner.message_hub.get_scalar(f'train/{loss}').current())
    scores = runner.test()
    assert 0 <= scores['icdar/hmean'] <= 1 and .3 <= scores['resolution/mean_scale'] <= .8
    saved = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    detector = _built(PLAIN)
    selector = {key for key in saved if key.startswith('selector.')}
    detector.load_state_dict({k: v for k, v in saved.items() if k not in selector})


@pytest.mark.parametrize('name', [BY_DETECTION, BY_READING])
def test_starts_and_rates_with_what_the_other_configs_train(name):
    cfg = load(CONFIGS[name])
    assert cfg.load_from == f'mmocr_kd://{PLAIN}'
    detector = cfg.model.detector.to_dict()
    assert detector == load(CONFIGS[PLAIN]).model.to_dict()
    if name == BY_READING:
        epochs = load(CONFIGS[READER]).train_cfg.max_epochs
        assert cfg.model.recognizer.checkpoint == f'work_dirs/{READER}/epoch_{epochs}.pth'
        reader = load(cfg.model.recognizer.config)
        assert reader.model.to_dict() == load(CONFIGS[READER]).model.to_dict()


def test_the_ways_of_rating_differ_in_rating_only():
    first, second = (load(CONFIGS[name]).to_dict() for name in (BY_DETECTION, BY_READING))
    for cfg in (first, second):
        cfg['model'].pop('recognizer')
    assert first == second


def test_readme():
    assert not broken_links(README)
    text = README.read_text()
    named = set(re.findall(r'(dbnet_[\w-]+_embedded[\w-]*|crnn_[\w-]+_words)', text))
    assert {BY_DETECTION, BY_READING, READER} <= named <= set(CONFIGS)


def test_examples_of_the_readme():
    """That they train and predict is tested in tests/pages."""
    _, own, reading = examples(README)
    model = MODELS.build(without_pretrained(Config.fromstring(own, '.py').model.to_dict()))
    assert type(model.student).__name__ == 'DBNet'
    cfg = Config.fromstring(reading.replace("['configs/", f"['{ROOT}/"), '.py')
    model = MODELS.build(without_pretrained(cfg.model.to_dict()))
    assert model.spotter.reads and model.objective.needs_words
