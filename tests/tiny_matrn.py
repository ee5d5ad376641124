"""A MATRN that trains in a test, and batches for it."""
import mmocr
import torch
from mmengine.structures import LabelData
from mmengine.utils import get_installed_path
from mmocr.structures import TextRecogDataSample

WIDTH, HEIGHT_OF_MAP, WIDTH_OF_MAP, STEPS, CLASSES, END = 32, 8, 16, 8, 37, 36
DICTIONARY = {
    'type': 'Dictionary', 'with_end': True,
    'dict_file': f'{get_installed_path(mmocr.__name__)}/.mim/dicts/lower_english_digits.txt'}


def fusion_cfg(**fields):
    """Config of the fusion of a tiny MATRN."""
    return {'type': 'SemanticVisualFusion', 'd_model': WIDTH, 'n_layers': 1, 'n_head': 2,
            'd_inner': 32, 'dropout': 0., 'num_channels': 4, 'attn_height': HEIGHT_OF_MAP,
            'attn_width': WIDTH_OF_MAP, **fields}


def decoder_cfg(**fields):
    """Config of its decoder."""
    return {
        'type': 'MATRNFuser', 'dictionary': DICTIONARY, 'max_seq_len': STEPS, 'num_iters': 2,
        'vision_decoder': {'type': 'ABIVisionDecoder', 'in_channels': WIDTH, 'num_channels': 4,
                           'attn_height': HEIGHT_OF_MAP, 'attn_width': WIDTH_OF_MAP},
        'language_decoder': {'type': 'ExportableABILanguageDecoder', 'd_model': WIDTH, 'n_head': 2,
                             'd_inner': 32, 'n_layers': 1, 'dropout': 0.},
        'semantic_visual': fusion_cfg(),
        'module_loss': {'type': 'MATRNModuleLoss', 'letter_case': 'lower'},
        'postprocessor': {'type': 'AttentionPostprocessor', 'ignore_chars': []},
        **fields}


def matrn_cfg(map_width=WIDTH_OF_MAP, **decoder_fields):
    """Config of a MATRN that reads images of height 16, twice as wide as its feature map."""
    decoder = decoder_cfg(**decoder_fields)
    for part in ('vision_decoder', 'semantic_visual'):
        decoder[part]['attn_width'] = map_width
    return {
        'type': 'MATRN',
        'backbone': {'type': 'ResNetABI', 'stem_channels': 4, 'base_channels': WIDTH // 16,
                     'arch_settings': [1] * 5, 'strides': [1, 1, 2, 1, 1]},
        'encoder': {'type': 'ABIEncoder', 'n_layers': 1, 'n_head': 2, 'd_model': WIDTH,
                    'd_inner': 32, 'dropout': 0., 'max_len': HEIGHT_OF_MAP * map_width},
        'decoder': decoder,
        'data_preprocessor': {'type': 'TextRecogDataPreprocessor', 'bgr_to_rgb': True,
                              'mean': [123.675, 116.28, 103.53], 'std': [58.395, 57.12, 57.375]}}


def samples(*texts):
    """Data samples with these labels."""
    meta = {'valid_ratio': 1., 'img_shape': (16, 32)}
    return [TextRecogDataSample(gt_text=LabelData(item=text), metainfo=meta) for text in texts]


def features(words=2, **kwargs):
    """What the decoder reads: an encoder's feature map."""
    return torch.randn(words, WIDTH, HEIGHT_OF_MAP, WIDTH_OF_MAP, **kwargs)


def batch(*texts, width=2 * WIDTH_OF_MAP):
    """A batch as a data loader gives it: a different noise image for each word."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (len(texts), 3, 16, width), generator=generator,
                           dtype=torch.uint8)
    return {'inputs': list(images), 'data_samples': samples(*texts)}
