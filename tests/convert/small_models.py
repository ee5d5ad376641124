"""MMOCR-side models of the sizes that the tests' references have by default."""
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample

CONFIGS = Path(__file__).resolve().parents[2] / 'configs/textrecog'
ABINET = 'mmocr::textrecog/abinet/abinet_20e_st-an_mj.py'
MATRN = str(CONFIGS / 'matrn/_base_/models/matrn.py')

ABINET_SIZES = {
    'backbone.stem_channels': 2, 'backbone.base_channels': 2,
    'backbone.arch_settings': [1, 2, 1, 1, 1],
    'encoder.n_layers': 2, 'encoder.d_model': 32, 'encoder.d_inner': 24,
    'decoder.vision_decoder.in_channels': 32, 'decoder.vision_decoder.num_channels': 4,
    'decoder.language_decoder.d_model': 32, 'decoder.language_decoder.d_inner': 20,
    'decoder.language_decoder.n_layers': 2,
}
MATRN_SIZES = {
    'decoder.semantic_visual.d_model': 32, 'decoder.semantic_visual.d_inner': 28,
    'decoder.semantic_visual.num_channels': 6,
}
LOW_RESOLUTION = {'backbone.strides': [1, 1, 2, 1, 1]}

# Where MMOCR has each of the official classes: the end, a-z, 1-9, 0
OFFICIAL_CLASSES = [36, *range(10, 36), *range(1, 10), 0]


def model_cfg(config, **fields):
    """Config of a model with some fields replaced; it is the caller's own."""
    cfg = get_config(config) if '::' in config else Config.fromfile(config)
    model = Config(cfg.model.to_dict())
    model.merge_from_dict(fields)
    return model


def abinet(low_resolution=False, iterations=3):
    return MODELS.build(model_cfg(ABINET, **{
        **ABINET_SIZES, **(LOW_RESOLUTION if low_resolution else {}),
        'decoder.d_model': 32, 'decoder.num_iters': iterations})).eval()


def matrn(low_resolution=False, iterations=3):
    return MODELS.build(model_cfg(MATRN, **{
        **ABINET_SIZES, **MATRN_SIZES, **(LOW_RESOLUTION if low_resolution else {}),
        'decoder.num_iters': iterations})).eval()


def images(low_resolution=False, count=4):
    return torch.randn(count, 3, *((16, 64) if low_resolution else (32, 128)))


def read(model, inputs):
    """What the whole recogniser predicts: texts."""
    samples = [TextRecogDataSample() for _ in inputs]
    with torch.no_grad():
        return [sample.pred_text.item for sample in model(inputs, samples, mode='predict')]


def decoder_outputs(model, inputs):
    """All that an ABIFuser or MATRNFuser computes."""
    with torch.no_grad():
        maps = model.encoder(model.extract_feat(inputs), None)
        return model.decoder.forward_train(None, maps, None)
