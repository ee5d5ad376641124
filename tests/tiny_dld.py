"""Spotters that choose their resolution, small enough to train in a test."""
import copy
import functools

import torch
from mmocr.registry import MODELS
from tiny_recog import crnn_cfg
from tiny_spotter import batch, page, spotter_cfg

import mmocr_kd.models.dld  # noqa: F401

SCALES = (.3, .5, .8)
WORDS = [('cat', (10, 36)), ('dog7', (60, 80))]
SKD = {
    'roi': {'type': 'FeatureL2Loss', 'name': 'loss_kd_roi'},
    'context': {'type': 'FeatureL2Loss', 'name': 'loss_kd_context'},
    'sequence': {'type': 'SequenceKDLoss', 'search': 'ctc', 'topk': 1, 'reduction': 'mean'},
}
DRS = {'type': 'GumbelObjective'}


@functools.cache
def _recognizer_cfg():
    recognizer = crnn_cfg(low_res=False)
    recognizer['decoder']['rnn_flag'] = False
    return recognizer


def student_cfg(**fields):
    """A thin spotter whose convolutions read: no dropout, nothing random."""
    return spotter_cfg(recognizer=copy.deepcopy(_recognizer_cfg()), **fields)


def selector_cfg(scales=SCALES, **fields):
    return {'type': 'ResolutionSelector', 'scale_factors': scales, 'base_channels': 16,
            'predicts': 'logits', 'norm_cfg': {'type': 'GN', 'num_groups': 2}, **fields}


def expecting_cfg(scales=SCALES, **fields):
    """Of a selector that predicts errors."""
    return selector_cfg(scales, **{'predicts': 'errors', **fields})


def dld_cfg(teacher=None, losses=None, selector=True, **fields):
    """Config of a DLD spotter as published; reading is distilled if it has a teacher."""
    losses = ({**SKD} if teacher else {}) if losses is None else losses
    selector = selector_cfg() if selector is True else selector or None
    objective = DRS if selector else None
    return copy.deepcopy({'type': 'DLDTextSpotter', 'student': student_cfg(), 'teacher': teacher,
                          'selector': selector, 'losses': losses, 'objective': objective,
                          **fields})


def dld(teacher=None, seed=0, initialise=False, **fields):
    """The same, built from a seed; ``initialise`` as a runner does before training."""
    torch.manual_seed(seed)
    model = MODELS.build(dld_cfg(teacher, **fields))
    if initialise:
        model.init_weights()
    return model


def pages():
    """Three images of different sizes; the one in the middle has no text."""
    return [page(WORDS), page([], size=(64, 100)), page([('owl', (12, 40))], size=(70, 120))]


def prepared(model, *images):
    """A batch as a model's ``loss`` and ``predict`` get it."""
    data = model.data_preprocessor(copy.deepcopy(batch(*images or pages())), True)
    return data['inputs'], data['data_samples']


def shake(model):
    """Random weights everywhere, statistics too: whatever is mixed up shows."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=generator)
                tensor.mul_(.75 + noise / 2).add_(.02 * noise)
    return model


def contents(data_samples):
    """All that is in data samples."""
    return [str(sample.to_dict()) for sample in data_samples]


def state(module):
    """A copy of a module's state dict."""
    return {key: value.clone() for key, value in module.state_dict().items()}


def same(first, second):
    """Whether two state dicts are equal, bit by bit."""
    return first.keys() == second.keys() and all(
        torch.equal(first[key], second[key]) for key in first)


def choose(model, *indexes):
    """Make a DLD spotter's selector choose these scales, one for each image, whatever it sees."""
    scores = torch.full((len(indexes), len(model.selector.scale_factors)), -30.)
    scores[range(len(indexes)), list(indexes)] = 30.
    model.selector.forward = lambda inputs, data_samples=None: scores
    return model


def found(results):
    """What was predicted, for comparisons."""
    return [(one.pred_instances.texts, one.pred_instances.polygons,
             one.pred_instances.scores.tolist(), one.pred_instances.char_scores)
            for one in results]


def tight(model):
    """A copy whose detector finds plenty: weights at random find hardly anything."""
    changed = copy.deepcopy(model)
    changed.student.detector.det_head.postprocessor.min_text_score = 0.
    changed.student.detector.det_head.postprocessor.mask_thr = .5
    return changed
