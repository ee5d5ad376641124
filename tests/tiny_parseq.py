"""A PARSeq small enough to train in a test, and words for it."""
import torch
from mmengine.structures import LabelData
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample

CHARS = 'abcdefghijklmnopqrstuvwxyz'
END, START, PAD = 26, 27, 28


def dictionary(folder, **fields):
    """Config of a dictionary of lower-case letters with an end token."""
    path = folder / 'letters.txt'
    path.write_text('\n'.join(CHARS))
    return {'type': 'Dictionary', 'dict_file': str(path), 'with_end': True, **fields}


def decoder_cfg(folder, **fields):
    """Config of a narrow decoder for words of at most eight letters."""
    return {'type': 'PARSeqDecoder', 'dictionary': dictionary(folder), 'embed_dims': 16,
            'num_heads': 4, 'mlp_ratio': 2., 'max_seq_len': 8,
            'module_loss': {'type': 'PARSeqModuleLoss'},
            'postprocessor': {'type': 'AttentionPostprocessor', 'ignore_chars': []}, **fields}


def recognizer_cfg(folder, width=16, **decoder):
    """Config of a whole recogniser of 8x32 images, cut into 16 patches."""
    return {'type': 'PARSeq',
            'backbone': {'type': 'PARSeqViT', 'img_size': (8, 32), 'patch_size': (4, 4),
                         'embed_dims': width, 'depth': 1, 'num_heads': 2, 'mlp_ratio': 2.},
            'decoder': decoder_cfg(folder, embed_dims=width, **decoder),
            'data_preprocessor': {'type': 'TextRecogDataPreprocessor', 'mean': [127.5] * 3,
                                  'std': [127.5] * 3}}


def samples(*words):
    """Data samples as MMOCR's recognition pipeline packs them."""
    return [TextRecogDataSample(gt_text=LabelData(item=word)) for word in words]


def decoder(folder, spread=1., **fields):
    """A decoder in eval mode with weights large enough that tokens influence each other."""
    model = MODELS.build(decoder_cfg(folder, **fields)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if 'norm' not in name:
                parameter.normal_(std=spread * max(parameter.shape[-1], 1)**-.5)
        model.pos_queries.normal_()
        model.text_embed.embedding.weight.normal_(std=.25)
    return model


def forced(model):
    """The same decoder teacher-forced, but without dropout: only its own flag is switched."""
    model.eval()
    model.training = True
    return model
