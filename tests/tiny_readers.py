"""Every kind of recogniser that is exported, small, with the pipeline that shows it words."""
import tiny_export
import tiny_matrn
import tiny_parseq
import tiny_recog
from mmengine.hub import get_config

_DONE = tiny_export.WORDS[2:]
_COLOUR = dict(type='LoadImageFromFile')
_AS_WIDE = dict(type='RescaleToHeight', height=32, min_width=32, max_width=160, width_divisor=16)
FREE = [_COLOUR, _AS_WIDE, *_DONE]  # each word as wide as it is
PADDED = [_COLOUR, _AS_WIDE, dict(type='PadToWidth', width=160), *_DONE]

NAMES = ['crnn-free', 'svtr', 'parseq', 'matrn', 'abinet', 'nrtr', 'satrn', 'satrn-free']


def resized(width, height):
    """A pipeline whose words all become equally large."""
    return [_COLOUR, dict(type='Resize', scale=(width, height)), *_DONE]


def svtr_cfg():
    """Config of a thin SVTR; reads 64x256, which it straightens and shrinks to 32x100."""
    model = get_config('mmocr::textrecog/svtr/svtr-tiny_20e_st_mj.py').model.to_dict()
    model['encoder'].update(embed_dims=[8, 16, 16], depth=[1, 1, 1], num_heads=[2, 2, 2],
                            mixer_types=['Local', 'Global', 'Global'], out_channels=16)
    model['decoder'].update(in_channels=16)
    return model


def nrtr_cfg(**decoder):
    """Config of an NRTR of one layer and four steps; its backbone is as wide as MMOCR's."""
    model = get_config('mmocr::textrecog/nrtr/nrtr_modality-transform_6e_st_mj.py').model.to_dict()
    size = dict(n_head=2, d_k=256, d_v=256, n_layers=1, d_inner=16)
    model['encoder'].update(size)
    model['decoder'].update(size | dict(max_seq_len=4) | decoder)
    return model


def satrn_cfg(**decoder):
    """Config of a thin SATRN of four steps."""
    model = get_config('mmocr::textrecog/satrn/satrn_shallow_5e_st_mj.py').model.to_dict()
    size = dict(d_model=16, n_head=2, d_k=8, d_v=8, n_layers=1, d_inner=16)
    model['backbone'].update(hidden_dim=16)
    model['encoder'].update(size)
    model['decoder'].update(size | dict(d_embedding=16, max_seq_len=4) | decoder)
    return model


def all_of(folder):
    """Config and pipeline of each of ``NAMES``: 'free' ones are shown words of any width."""
    grey = [dict(step, color_type='grayscale') if step is _COLOUR else step for step in FREE]
    return {
        'crnn-free': (tiny_recog.crnn_cfg(low_res=False), grey),
        'svtr': (svtr_cfg(), resized(256, 64)),
        'parseq': (tiny_parseq.recognizer_cfg(folder), resized(32, 8)),
        'matrn': (tiny_matrn.matrn_cfg(), resized(32, 16)),
        'abinet': (tiny_recog.abinet_language_cfg(), resized(64, 16)),
        'nrtr': (nrtr_cfg(), PADDED),
        'satrn': (satrn_cfg(), PADDED),
        'satrn-free': (satrn_cfg(), FREE),
    }
