"""Python on the pages that is no whole config: data sets, pipelines, scripts."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import lmdb_files
import numpy as np
import own_data
import pages
import pytest
import tiny
import tiny_dld_detector
import tiny_export
import tiny_ratings
import tiny_recog
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmocr.registry import DATASETS, HOOKS, MODELS

from mmocr_kd.apis import deployed_config, read_config
from mmocr_kd.apis.comparison import read_table
from mmocr_kd.apis.comparison.table import run_config
from mmocr_kd.apis.export import export_onnx
from mmocr_kd.datasets.carry_maps import CarryMaps
from mmocr_kd.store import MapStore, ReadingStore

BLOCKS = [block for block in pages.blocks('python') if '_base_' not in block.text]


def embedded(block: pages.Block, folder: Path) -> None:
    (fields, ) = pasted(block).values()
    assert DATASETS.build(dict(fields, num_images=3))[0]['img'].shape == (320, 320, 3)


def words_and_pairs(block: pages.Block, folder: Path) -> None:
    lmdb_files.words(folder / 'data/words/icdar2015_train.lmdb')
    lmdb_files.pairs(folder / 'data/textzoom/train1')
    cfg = pasted(block)
    for fields in (dict(cfg['words'], holdout=None, split=None), cfg['pairs']):
        assert DATASETS.build(fields)[0]['gt_texts'] == [lmdb_files.TEXTS[0]]


def words_without_labels(block: pages.Block, folder: Path) -> None:
    (folder / 'data/photos').mkdir()
    own_data.write(folder / 'data/photos')
    (folder / 'data/photos/photos.json').rename(folder / 'data/photos/pseudo_labels.json')
    load = dict(type='LoadImageFromFile')
    words = DATASETS.build(dict(pasted(block)['words'], pipeline=[load]))
    assert len(words) == len(own_data.POLYGONS) and words[0]['img'].size


def words_labelled_by_a_teacher(block: pages.Block, folder: Path) -> None:
    (folder / 'data/photo_words').mkdir()
    own_data.write(folder / 'data/photo_words')
    (folder / 'data/photo_words/words.json').rename(folder / 'data/photo_words/labels.json')
    load = dict(type='LoadImageFromFile')
    assert DATASETS.build(dict(pasted(block)['words'], pipeline=[load]))[0]['img'].size


def words_off_photos(block: pages.Block, folder: Path) -> None:
    lmdb_files.words(folder / 'data/words/icdar2015_train.lmdb')
    photos = folder / 'data/icdar2015_mini'
    photos.mkdir(parents=True)
    own_data.write(photos)
    (photos / 'photos.json').rename(photos / 'textdet_val.json')
    cfg = pasted(block)
    assert len(DATASETS.build(dict(cfg['words'], pipeline=[]))) == len(lmdb_files.TEXTS)
    HOOKS.build(cfg['default_hooks']['disjoint_photos'])


def pipeline(block: pages.Block, folder: Path) -> None:
    cfg = pasted(block)
    photo = DATASETS.build(dict(type='EmbeddedTextRecogDataset', num_images=1))[0]
    packed = Compose(cfg['train_pipeline'])(dict(photo))
    assert packed['inputs'].shape == (3, 16, 64) and packed['hr_inputs'].shape == (3, 32, 128)
    if 'model' in cfg:
        prepare = MODELS.build(cfg['model']['data_preprocessor'])
        batch = prepare({key: [value] for key, value in packed.items()}, training=True)
        assert batch['hr_inputs'].shape == (1, 3, 32, 128)


def inferencer_of_spotters(block: pages.Block, folder: Path) -> None:
    (folder / 'my_dld.py').write_text(pages.blocks_of('docs/dld.md', 'python')[0].text)
    save_random(Config.fromfile('my_dld.py'), 'work_dirs/my_dld/epoch_20.pth')
    exec(block.text, {})


def inferencer_of_detectors(block: pages.Block, folder: Path) -> None:
    name = 'dbnet_efficientnet-lite0_fpnc64_selector-passes_5e_td500-mini'
    save_random(Config.fromfile(f'configs/textdet/dld/{name}.py'), f'work_dirs/{name}/epoch_5.pth')
    without_download = block.text.replace("rec='CRNN'", 'rec=None')
    assert without_download != block.text
    exec(without_download, {})
    assert list((folder / 'results').rglob('photo.jpg'))


def inferencer_of_exported(block: pages.Block, folder: Path) -> None:
    for name, config in (('detector', 'masket_dbnet_mbv3'),
                         ('student', 'textrecog/kd_ltr/parseq-mini-lr_kd-ltr_3e_embedded')):
        cfg = deployed_config(Config.fromfile(f'configs/{config}.py'))
        cfg.dump(f'{name}.py')
        save_random(cfg, f'{name}.pth')
    exec(block.text, {})


def onnx_of_student(block: pages.Block, folder: Path) -> dict[str, Any]:
    pytest.importorskip('onnx')
    cfg = Config.fromfile('configs/textrecog/parseq/parseq-mini_10e_embedded.py')
    cfg.dump('student.py')
    save_random(cfg, 'student.pth')
    defined: dict[str, Any] = {}
    exec(block.text, defined)
    assert (folder / 'student.onnx').exists()
    return defined


def onnx_in_two_parts(block: pages.Block, folder: Path) -> None:
    pytest.importorskip('onnxruntime')
    (first, ) = [one for one in BLOCKS if 'class Network' in one.text]
    dld = tiny_dld_detector.dld().eval()
    image = np.random.default_rng(0).normal(size=(1, 3, 96, 160)).astype(np.float32)
    defined = dict(Network=onnx_of_student(first, folder)['Network'], dld=dld, image=image)
    exec(block.text, defined)
    with torch.no_grad():
        expected = dld(torch.from_numpy(image), mode='tensor').numpy()
    np.testing.assert_allclose(defined['maps'], expected, rtol=0, atol=1e-4)


def transform_of_a_strangers(block: pages.Block, folder: Path) -> None:
    defined: dict[str, Any] = {}
    exec(block.text, defined)
    values = np.arange(64 * 96, dtype=np.uint16).reshape(64, 96).astype(np.uint8)
    steps = Compose([dict(type='LoadImageFromFile'), defined['MirrorOnTheRight'](),
                     dict(type='PackTextDetInputs', meta_keys=())])
    packed = CarryMaps(steps, lambda path: dict(text=values))(dict(img_path='photo.jpg'))
    mirrored = np.concatenate([values, values[:, ::-1]], 1)
    np.testing.assert_array_equal(packed['data_samples'].teacher_maps.text, mirrored)


def store_of_maps(block: pages.Block, folder: Path) -> None:
    store = MapStore.create('work_dirs/cache/ppocr', {}, 'mmocr-kd cache my_config.py')
    store.write('photo.jpg', dict(text=np.full((32, 32), 51, np.uint8)))
    defined: dict[str, Any] = {}
    exec(block.text, defined)
    assert defined['probabilities'][0, 0] == .2


def store_of_readings(block: pages.Block, folder: Path) -> None:
    """Another engine reads a word, and our store has it."""
    pytest.importorskip('rapidocr')
    image = np.full((40, 120, 3), 230, np.uint8)
    cv2.putText(image, 'Hello', (5, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, (40, 20, 0), 2)
    cv2.imwrite('data/words/hello.png', image)
    exec(block.text, {})
    ((text, log_prob), ) = ReadingStore('work_dirs/cache/mine').read('data/words/hello.png')
    assert text == 'Hello' and -.1 < log_prob < 0


def terms_of_a_recogniser(block: pages.Block, folder: Path) -> None:
    """One step, before the black box is due."""
    teacher = tiny_recog.checkpoint('teacher.pth', tiny_recog.crnn_cfg(low_res=False))
    model = MODELS.build(dict(type='LowResRecognizerDistiller', student=tiny_recog.crnn_cfg(),
                              teacher=teacher, losses=pasted(block)['losses'])).train()
    hub = MessageHub.get_instance('pages')
    hub.update_info_dict(dict(loop_stage='train', epoch=0, iter=0, max_epochs=1))
    try:
        losses = model(**model.data_preprocessor(tiny_recog.pairs('hello'), True), mode='loss')
    finally:
        hub.pop_info('loop_stage')
    assert set(losses) == {'loss_visual', 'loss_logits', 'weight_logits', 'loss_hard'}


def table_of_a_strangers(block: pages.Block, folder: Path) -> None:
    (folder / 'my_table.py').write_text(block.text)
    tiny_ratings.config(folder)[0].dump('my_config.py')
    table = read_table('my_table.py')
    hooks = run_config(read_config('my_config.py', table.arms['masket'].options), 0,
                       folder).custom_hooks
    assert [HOOKS.get(hook.type).__name__ for hook in hooks] == ['MaskETDistillHook', 'PairingHook']


def training_for_8_bits(block: pages.Block, folder: Path) -> None:
    (folder / 'my_config.py').write_text(block.text)
    cfg = read_config('my_config.py')
    hook = HOOKS.build(cfg.custom_hooks[-1])
    steps = cfg.train_dataloader.dataset.num_images // cfg.train_dataloader.batch_size
    assert hook.schedule.start == .75 * cfg.train_cfg.max_epochs * steps
    assert HOOKS.get(cfg.custom_hooks[0].type).__name__ == 'MaskETDistillHook'


def reader_of_files(block: pages.Block, folder: Path) -> None:
    pytest.importorskip('onnx')
    for name, model, pipeline in (('det', tiny.dbnet_cfg(), tiny_export.PHOTOS),
                                  ('rec', tiny_recog.crnn_cfg(), tiny_export.WORDS)):
        config, checkpoint = tiny_export.write(folder, name, model, pipeline)
        export_onnx(read_config(config), checkpoint).save(Path(f'work/{name}.onnx'))
    exec(block.text, {})


# In tests/test_contributing.py, tests/hooks/test_masket_distill_hook.py.
TESTED_ELSEWHERE = ('LogitDistanceLoss', 'TensorboardVisBackend', 'WandbVisBackend')
# What a block contains -> how it is run.
HOW = {
    'UnlabelledTextRecogDataset': words_without_labels,
    "data_root='data/photo_words'": words_labelled_by_a_teacher,
    'EmbeddedTextDetDataset': embedded, "type='TextZoomDataset'": words_and_pairs,
    'DisjointPhotosHook': words_off_photos, 'train_pipeline =': pipeline,
    'TextSpotInferencer': inferencer_of_spotters, "rec='CRNN'": inferencer_of_detectors,
    "det='detector.py'": inferencer_of_exported, 'class Network': onnx_of_student,
    'dld.selector': onnx_in_two_parts, 'from rapidocr': store_of_readings,
    'class MirrorOnTheRight': transform_of_a_strangers,
    'QuantizationAware': training_for_8_bits,
    'MapStore(': store_of_maps, 'from mmocr_kd.reader import': reader_of_files,
    "type='NBestLoss'": terms_of_a_recogniser, "reference = 'plain'": table_of_a_strangers,
}


@pytest.mark.parametrize('block', [block for block in BLOCKS if not any(
    name in block.text for name in TESTED_ELSEWHERE)], ids=str)
def test_runs(block, tmp_path, monkeypatch):
    (tmp_path / 'configs').symlink_to(pages.ROOT / 'configs')
    (tmp_path / 'data/words').mkdir(parents=True)
    (tmp_path / 'data/textzoom').mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    for name in ('page.png', 'photo.jpg'):
        cv2.imwrite(str(tmp_path / name), noise)
    monkeypatch.chdir(tmp_path)
    (run, ) = [run for content, run in HOW.items() if content in block.text]
    run(block, tmp_path)


def pasted(block: pages.Block) -> dict[str, Any]:
    cfg: dict[str, Any] = Config.fromstring(block.text, '.py').to_dict()
    return cfg


def save_random(cfg: Config, path: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), path)
