"""Nothing that the shipped models compute is unknown to the count of their operations."""
import warnings

import pytest
import torch
from config_zoo import ROOT, load, shallow, without_pretrained
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from test_low_res_students import IMAGES
from tiny_spotter import batch, page

from mmocr_kd.measure import product_macs

# No models by themselves, of classes that are not installed, or without the teacher they need.
PARTS = {'detector_dbnet-mobilenetv3-large', 'recognizer_crnn-slim-vgg', 'abcnet_resnet50_fpn',
         'dbnet_mobilenetv3-large_fpnc_fitnet'}
FILES = {path.stem: path for path in ROOT.rglob('_base_/models/*.py') if path.stem not in PARTS}
WORDS = {'crnn_slim-vgg': (1, 32, 100), 'crnn_quarter-vgg': (1, 16, 50),
         **{name: (1, 32, 256) for name in ('crnn_photos', 'svtr-tiny_photos')}, **IMAGES}
LARGE_WORDS = (3, 32, 128)


@pytest.mark.parametrize('name', FILES)
def test_every_operator_is_known(name):
    cfg = few_words(without_pretrained(load(FILES[name]).to_dict()['model']))
    model = MODELS.build(shallow(cfg)).eval()
    read = []
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('error', RuntimeWarning)
        data = model.data_preprocessor(batch_for(name), training=False)
        assert product_macs(lambda: read.extend(model(**data, mode='predict'))) > 0
    assert 'recognizer' not in cfg or len(read[0].pred_instances) > 0


def few_words(cfg):
    """Random weights take hundreds of spots for words; a spotter need not read all of them."""
    detector = cfg.get('detector', {})
    if 'det_head' in detector:
        detector['det_head']['postprocessor'].update(
            max_candidates=20, min_text_score=0, min_text_width=0)
    for stage in detector.get('test_cfg', {}).values():
        stage['max_per_img'] = 3
    return cfg


def batch_for(name):
    if FILES[name].relative_to(ROOT).parts[0] != 'textrecog':
        return batch(page([('cat', (10, 36)), ('dog7', (60, 80))]))
    channels, *size = WORDS.get(name, LARGE_WORDS)
    sample = TextRecogDataSample(metainfo=dict(img_shape=size, ori_shape=size, valid_ratio=1.))
    return dict(inputs=[torch.randint(0, 256, (channels, *size), dtype=torch.uint8)],
                data_samples=[sample])
