"""MMOCR's inferencers open every shipped config, and read a photo by it."""
import copy
import warnings

import cv2
import numpy as np
import pytest
import torch
from config_zoo import CONFIGS, ROOT, load, shallow, without_pretrained
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import InstanceData, LabelData
from mmocr.apis.inferencers import (
    MMOCRInferencer,
    TextDetInferencer,
    TextRecInferencer,
    TextSpotInferencer,
)
from mmocr.registry import MODELS

from mmocr_kd.apis import deployed_config, student_config

INFERENCERS = dict(textrecog=TextRecInferencer, textspotting=TextSpotInferencer)
ALL = {**CONFIGS, **{path.stem: path for path in ROOT.glob('textspotting/abcnet/*.py')}}
NEEDS_ABCNET = [name for name, path in ALL.items() if path.parent.name == 'abcnet']
# Dozens of files run the same code: of these, one each.
FAMILIES = [
    'masket_dbnet_mbv3',
    'dbnet_mobilenetv3-large_fpnc_masket-efficientnet-lite0_6e_icdar2015-mini',
    'dbnet_efficientnet-lite0_fpnc64_selector-reading_1e_embedded-pages',
    'crnn_slim-vgg-lr_kd-ltr_2e_words',
    'crnn-lr_kd-ltr_3e_embedded',
    'nrtr-r31-lr_kd-ltr_3e_embedded',
    'abinet-lr_kd-ltr_100e_textzoom_str-degraded',
    'parseq-mini-lr_kd-ltr_3e_embedded',
    'matrn-small_8e_embedded',
    'dbnet-efficientnet-lite0_crnn-slim-vgg_dld_1e_embedded-pages',
]


pytestmark = pytest.mark.usefixtures('mmocr_scope_afterwards')


@pytest.fixture(scope='module')
def photo(tmp_path_factory):
    """A file, and its pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (48, 96, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp('photos') / 'photo.png'
    cv2.imwrite(str(path), pixels)
    return str(path), pixels


@MODELS.register_module()
class SeesOneWord(BaseModel):
    """Stands for a model: quick, and takes nothing but what a plain model does."""

    def forward(self, inputs, data_samples, mode):
        self.seen = [*getattr(self, 'seen', []), *inputs]
        for sample in data_samples:
            sample.pred_text = LabelData(item='word', score=[1.0])
            sample.pred_instances = InstanceData(
                polygons=[np.array([1., 1, 40, 1, 40, 20, 1, 20])], scores=torch.ones(1),
                texts=['word'])
        return data_samples


@MODELS.register_module()
class SeesPairs(SeesOneWord):
    """As a model in training, which may be given large words, too."""

    def forward(self, inputs, data_samples, mode, hr_inputs=None):
        return super().forward(inputs, data_samples, mode)


def inferencer(name, cfg):
    kind = next((INFERENCERS[part] for part in ALL[name].parts if part in INFERENCERS),
                TextDetInferencer)
    with warnings.catch_warnings():
        warnings.filterwarnings('ignore', 'Checkpoint is not loaded')
        return kind(cfg, device='cpu')


def with_stub(name, exported):
    """A config whose own pipelines feed a model that costs nothing."""
    cfg = load(ALL[name])
    cfg = deployed_config(cfg) if exported else Config(cfg.to_dict())
    model = dict(type='SeesOneWord' if exported else 'SeesPairs')
    preprocessor = student_config(cfg.model.to_dict()).get('data_preprocessor')
    if preprocessor:
        model['data_preprocessor'] = preprocessor
    cfg.model = model
    return cfg


def check(reader, photo):
    """A file and its pixels are read, and drawn."""
    found = reader(list(photo), return_vis=True, progress_bar=False)
    assert len(found['predictions']) == len(found['visualization']) == len(photo)
    for read, drawn in zip(found['predictions'], found['visualization']):
        assert {'text', 'polygons'} & set(read) and drawn.ndim == 3
        # Of words without letters MMOCR takes the mean of no scores.
        assert read.get('text') == '' or np.isfinite(read['scores']).all()


@pytest.mark.parametrize('exported', [False, True])
@pytest.mark.parametrize('name', ALL)
def test_pipeline_reads_photos_as_they_are(name, exported, photo):
    """The image reaches the model, in the same way each time: nothing degrades or augments it."""
    reader = inferencer(name, with_stub(name, exported))
    check(reader, [photo[0], *photo])
    first, again, of_pixels = reader.model.seen
    mean = reader.cfg.model.get('data_preprocessor', {}).get('mean', [0])
    assert torch.equal(first, again) and len(first) in (len(mean), 3)
    # Of arrays MMOCR makes grey by the weights of RGB, though they are BGR.
    assert torch.equal(first, of_pixels) or len(first) == 1
    assert 'TextDegradation' not in steps(reader)
    assert not (exported and 'PackPairedTextRecogInputs' in steps(reader))


def steps(reader):
    return {type(step).__name__ for step in reader.pipeline.transforms}


def read_whole(name, photo, shrink=shallow):
    """Read with the config's own model, of random weights, and with its exported student."""
    torch.manual_seed(0)
    for cfg in (Config(load(ALL[name]).to_dict()), deployed_config(load(ALL[name]))):
        cfg.model = shrink(without_pretrained(cfg.model.to_dict()))
        check(inferencer(name, copy.deepcopy(cfg)), photo)


@pytest.mark.parametrize('name', FAMILIES)
def test_families_read(name, photo):
    read_whole(name, photo)


@pytest.mark.nightly
@pytest.mark.parametrize('name', [name for name in ALL if name not in NEEDS_ABCNET])
def test_every_config_reads_in_full(name, photo):
    read_whole(name, photo, shrink=lambda model: model)


def test_detector_and_recogniser_read_together(photo, tmp_path):
    det, rec = (with_stub(name, True) for name in
                ('masket_dbnet_mbv3', 'parseq-mini-lr_kd-ltr_3e_embedded'))
    det.dump(str(tmp_path / 'det.py'))
    rec.dump(str(tmp_path / 'rec.py'))
    reader = MMOCRInferencer(
        det=str(tmp_path / 'det.py'), rec=str(tmp_path / 'rec.py'), device='cpu')
    found = reader(photo[0], return_vis=True)
    assert found['predictions'][0]['rec_texts'] == ['word'] and len(found['visualization']) == 1
