"""The configs of detectors behind a resolution selector train, test and start as they say."""
import copy
import json
import math
import re

import cv2
import numpy as np
import pytest
import tiny_ratings
import torch
from config_zoo import CONFIGS, ROOT, load, without_pretrained
from guides import broken_links, examples
from mmengine.config import Config
from mmengine.runner import Runner
from mmocr.registry import DATASETS, MODELS

FOLDER = ROOT / 'textdet/dld'
README = FOLDER / 'README.md'
DLD = sorted(path.stem for path in FOLDER.glob('*.py')
             if load(path).model.type == 'DLDTextDetector')
PHOTOS = 'dbnet_efficientnet-lite0_fpnc64_masket-ppocr_30e_td500-mini'
PAGES = 'dbnet-efficientnet-lite0_crnn-slim-vgg_embedded-pages'
READER = 'crnn_slim-vgg_3e_embedded-words'
STORED = 'dbnet_efficientnet-lite0_fpnc64_selector-stored_10e_td500-mini'
HEIGHTS = 'dbnet_efficientnet-lite0_fpnc64_selector-heights_20e_td500-mini'
BACKBONE = 'dbnet_efficientnet-lite0_fpnc64_backbone-selector-heights_20e_td500-mini'
PASSES = 'dbnet_efficientnet-lite0_fpnc64_selector-passes_5e_td500-mini'
READING = 'dbnet_efficientnet-lite0_fpnc64_selector-reading_1e_embedded-pages'


def _built(model):
    """Of a copy of the config, because MMOCR's decoders write into theirs."""
    return MODELS.build(without_pretrained(model.to_dict()))


def _save(model, path):
    torch.manual_seed(0)
    torch.save({'state_dict': _built(model).state_dict()}, path)
    return str(path)


def _photos(folder):
    """Four noise photos with a line of text each, annotated, in the layout of td500-mini."""
    lines = dict(polygon=[20, 30, 120, 30, 120, 60, 20, 60], bbox=[20, 30, 120, 60], bbox_label=0,
                 ignore=False)
    samples = []
    for i, pixels in enumerate(np.random.default_rng(0).integers(
            0, 256, (4, 128, 160, 3), dtype=np.uint8)):
        cv2.imwrite(str(folder / f'{i}.png'), pixels)
        samples.append(dict(img_path=f'{i}.png', height=128, width=160, instances=[lines]))
    meta = dict(dataset_type='TextDetDataset', task_name='textdet',
                category=[dict(id=0, name='text')])
    path = folder / 'photos.json'
    path.write_text(json.dumps(dict(metainfo=meta, data_list=samples)))
    return dict(data_root=str(folder), ann_file='photos.json')


def _short(name, folder):
    """A config cut down to a few small images, starting from random weights of the right names."""
    cfg = Config.fromfile(CONFIGS[name], format_python_code=False)
    here = dict(num_images=4, image_size=(128, 128)) if 'pages' in name else _photos(folder)
    parts = ('train', 'val', 'test')
    cfg.merge_from_dict({
        'work_dir': str(folder), 'env_cfg.mp_cfg.mp_start_method': None,
        'load_from': _save(cfg.model.detector, folder / 'detector.pth'),
        'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 1, 'train_dataloader.batch_size': 2,
        **{f'{part}_dataloader.{field}': value for part in parts
           for field, value in (('num_workers', 0), ('persistent_workers', False))},
        **{f'{part}_dataloader.dataset.{field}': value for part in parts
           for field, value in here.items()}})
    for part in parts:
        for step in cfg[f'{part}_dataloader'].dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (128, 128)
    if name in (STORED, HEIGHTS, BACKBONE):
        cfg.model.selector.init_cfg = None  # another selector's
        if name == BACKBONE:
            cfg.model.selector.backbone.init_cfg.checkpoint = cfg.load_from
        cfg.model.objective.errors.file = str(folder / 'ratings.jsonl')
        tiny_ratings.write(cfg.model.objective.errors.file,
                           [str(folder / f'{i}.png') for i in range(4)],
                           cfg.model.selector.scale_factors)
    if name == READING:
        cfg.model.recognizer.checkpoint = _save(load(CONFIGS[READER]).model, folder / 'reader.pth')
    return cfg


@pytest.mark.parametrize('name', [STORED, HEIGHTS, BACKBONE, PASSES, READING])
def test_trains_and_tests(name, tmp_path):
    runner = Runner.from_cfg(_short(name, tmp_path))
    runner.train()
    assert math.isfinite(runner.message_hub.get_scalar('train/loss_res_error').current())
    scores = runner.test()
    assert 0 <= scores['icdar/hmean'] <= 1 and .25 <= scores['resolution/mean_scale'] <= 1
    saved = torch.load(tmp_path / 'epoch_1.pth', weights_only=False)['state_dict']
    start = torch.load(tmp_path / 'detector.pth', weights_only=False)['state_dict']
    assert {key for key in saved if not key.startswith('selector.')} == set(start)
    assert all(torch.equal(saved[key], value) for key, value in start.items())
    if name == BACKBONE:  # it looks through what the detector has learnt
        kept = {key.removeprefix('selector.'): value for key, value in saved.items()
                if key.startswith('selector.backbone.')}
        assert kept and all(torch.equal(start[key], value) for key, value in kept.items())


@pytest.mark.parametrize('name', DLD)
def test_starts_and_rates_with_what_the_other_configs_train(name):
    cfg = load(CONFIGS[name])
    detector = without_pretrained(cfg.model.detector.to_dict())
    if 'pages' in name:
        spotter = load(CONFIGS[PAGES]).model
        assert cfg.load_from == spotter.detector.init_cfg.checkpoint
        epochs = load(CONFIGS[READER]).train_cfg.max_epochs
        assert cfg.model.recognizer.checkpoint == f'work_dirs/{READER}/epoch_{epochs}.pth'
        reader = load(cfg.model.recognizer.config)
        assert reader.model.to_dict() == load(CONFIGS[READER]).model.to_dict()
    else:
        start = PASSES if 'photos' in name else PHOTOS
        epochs = load(CONFIGS[start]).train_cfg.max_epochs
        assert cfg.load_from == f'work_dirs/{start}/epoch_{epochs}.pth'
    plain = without_pretrained(load(CONFIGS[PHOTOS]).model.to_dict())
    for one in (detector, plain):
        del one['det_head']['module_loss']  # who draws its targets
    assert detector == plain


def test_the_ways_of_rating_differ_in_rating_only():
    first, second = (load(CONFIGS[name]).to_dict() for name in (STORED, PASSES))
    for cfg in (first, second):
        cfg['model']['objective'].pop('errors')
        cfg['train_dataloader'].pop('batch_size')
        cfg['train_dataloader']['dataset'].pop('pipeline')
        for field in ('param_scheduler', 'train_cfg', 'optim_wrapper', 'small', 'vary', 'pages'):
            cfg.pop(field, None)
    assert first['model']['selector'].pop('init_cfg')['prefix'] == 'selector.'
    assert first == second


def test_parts_of_photos_have_their_own_errors(tmp_path):
    """What is expected follows the polygons through the pipeline: enlarged texts lose less."""
    cfg = copy.deepcopy(load(CONFIGS[HEIGHTS]))
    given = cfg.train_dataloader.dataset
    data = DATASETS.build(dict(given.to_dict(), **_photos(tmp_path)))
    heights = [round(float(np.ptp(np.reshape(one.gt_instances.polygons[0], (-1, 2))[:, 1])
                           / max(one.img_shape) * 1280))
               for _ in range(8) for one in (sample['data_samples'] for sample in data)]
    assert min(heights) == 30 * 8 and len({*heights}) > 3  # 160 pixels long, seen at 1280
    assert cfg.model.objective.errors.full_long_edge == cfg.resize.scale[0] == 1280


def test_stored_ratings_go_with_the_pixels_that_tests_see(tmp_path):
    """The pipeline shrinks a photo as the selector would, but for rounding to whole grey levels."""
    cfg = copy.deepcopy(load(CONFIGS[STORED]))
    given = cfg.train_dataloader.dataset
    given.pipeline = [step for step in given.pipeline if step not in cfg.vary]
    here = _photos(tmp_path)
    cv2.imwrite(str(tmp_path / '0.png'), cv2.GaussianBlur(np.random.default_rng(0).integers(
        0, 256, (700, 900, 3), dtype=np.uint8), (0, 0), 2))
    full, small = (DATASETS.build(dict(dataset.to_dict(), **here))[0] for dataset in (
        cfg.test_dataloader.dataset, cfg.train_dataloader.dataset))
    selector = MODELS.build(cfg.model.selector)
    seen, given = (selector._prepare(one['inputs'][None].float()) for one in (full, small))
    assert seen.shape == given.shape == (1, 3, 256, 352)
    assert (seen - given).abs().max() <= 1.01


def test_photos_of_ones_own_are_read_whole():
    cfg = load(CONFIGS['dbnet_efficientnet-lite0_fpnc64_selector-passes_1e_photos'])
    dataset = cfg.train_dataloader.dataset
    assert dataset.ann_file == 'pseudo_labels.json' and 'td500' not in dataset.data_root
    assert dataset.pipeline == load(CONFIGS[PASSES]).train_dataloader.dataset.pipeline


def test_readme():
    assert not broken_links(README)
    named = set(re.findall(r'dbnet_[\w-]+_(?:td500-mini(?:-whole)?|photos|embedded[\w-]*)',
                           README.read_text()))
    assert set(DLD) <= named <= set(CONFIGS)


def test_example_of_the_readme():
    """That it trains and predicts is tested in tests/pages."""
    _, own = examples(README)
    model = MODELS.build(without_pretrained(Config.fromstring(own, '.py').model.to_dict()))
    assert type(model.student).__name__ == 'DBNet' and model.selector.predicts == 'errors'
