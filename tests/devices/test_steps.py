"""Everything that trains, predicts or judges does so on a GPU, as on the CPU, and waits rarely.

On a machine with a GPU the steps are taken there, too; random numbers differ there, so that values
are only looked at.
"""
from collections import Counter

import mmocr.registry
import pytest
import torch
from mmengine.registry import Registry
from steps import CASES, take

DEVICES = ['fake', pytest.param('cuda', marks=pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a GPU'))]

FLAGS = 'read', 'mmocr_kd/adapters/ignored.py:ignored_flags'
FINITE = 'read', 'mmocr_kd/distill/finite.py:read'
SCALES = 'read', 'mmocr_kd/models/dld/scale_choice.py:_choice'
STEPS = 'size', 'mmocr_kd/losses/resolution_accuracy_loss.py:_rows'
PAIRS = 'size', 'mmocr_kd/losses/semantic_contrastive_loss.py:forward'
NMS = 'size', 'mmocr_kd/compat/ops/nms.py:nms'
CTC_LABELS, CTC_NBEST, CTC_WORDS = (('read', f'mmocr_kd/losses/{place}') for place in (
    'hard_label_loss.py:ctc_loss', 'hypotheses.py:score_labels',
    'word_log_probs.py:ctc_word_losses'))

NORMS = 'read', 'mmocr_kd/distill/auto_weight.py:_norms'
BLACK_BOX = 'read', 'mmocr_kd/teachers/onnx_teacher.py:__call__'

NAN, TEXTS_CTC, TEXTS = (('read', f'mmocr_kd/adapters/recognition/n_best.py:{place}')
                         for place in ('n_best', '_labels', '_candidates'))
ENDED = 'read', 'mmocr_kd/models/decoders/parseq_decoder.py:_read_stepwise'

REASONS = {
    NAN: 'texts are made on the host, where NaN would become one; and their scores',
    TEXTS_CTC: 'texts are made on the host; a store asks once a word, not once an epoch',
    TEXTS: 'likewise',
    ENDED: 'likewise: a word ends where the teacher says so',
    NORMS: "solves for loss_weight='auto': every 50th step unless told otherwise",
    BLACK_BOX: 'ONNX Runtime works on the CPU; a store asks it once an image, not once an epoch',
    FLAGS: 'polygons are drawn and words chosen on the host; once for a batch, before the student',
    FINITE: 'on CUDA the answer travels beside the work, see FiniteCheck',
    SCALES: 'the host makes images of the chosen sizes',
    STEPS: 'a fourth of the steps counts, and all classes of all scales are blended at each',
    PAIRS: 'cosines are quadratic in the number of characters',
    NMS: 'how many boxes are left; only without compiled mmcv',
    CTC_LABELS: "PyTorch's CTC loss wants lengths on the host",
    CTC_NBEST: 'likewise',
    CTC_WORDS: 'likewise; once for all scales',
}

# How often a training step may wait, apart from what MMOCR and MMEngine do themselves.
WAITS = {
    'masket_hook': {FLAGS: 1, FINITE: 1},
    'masket_hook_with_prepared_targets': {FINITE: 1},
    'masket_hook_with_teachers_mask': {FINITE: 1},
    'oracle': {FINITE: 1},
    'masket_hook_with_onnx_teacher': {FLAGS: 1, FINITE: 1, BLACK_BOX: 1},
    'cached_teacher': {FLAGS: 1, FINITE: 1},
    'quantization_aware': {FLAGS: 1, FINITE: 1},
    'ema_teacher': {FLAGS: 1, FINITE: 1},
    'masket_hook_on_psenet': {FLAGS: 1, FINITE: 1},
    'masket_hook_with_terms': {FLAGS: 1, FINITE: 2, NORMS: 1},  # solved for in every step
    'dbnet_distiller': {FLAGS: 2, FINITE: 2},  # two masks; the map of text, and the neck
    'small_words_nbest_ctc': {NAN: 2, TEXTS: 3, ENDED: 9, CTC_LABELS: 1, CTC_NBEST: 1},
    'small_words_nbest_attention': {NAN: 1, TEXTS_CTC: 3},
    'small_words_nbest': {CTC_LABELS: 1, CTC_NBEST: 1},
    'mutual_distiller': {FLAGS: 4, FINITE: 1},  # two terms of two students
    'small_words_ctc': {FINITE: 3, PAIRS: 1, CTC_LABELS: 1, CTC_NBEST: 1},
    'small_words_abinet': {FINITE: 4, PAIRS: 1},
    'small_words_matrn': {FINITE: 4, PAIRS: 1},
    'small_words_parseq': {FINITE: 3},
    'det_rec_spotter': {FLAGS: 1},
    'mask_rcnn_spotter': {FLAGS: 2, NMS: 3},  # words and boxes; three images
    'dld_det_rec': {FLAGS: 1, FINITE: 5, SCALES: 1, STEPS: 1, CTC_NBEST: 1},
    'dld_errors': {FLAGS: 2, CTC_WORDS: 1},  # words to read, and all words
    'dld_height_errors': {FLAGS: 1},
    'dld_stored_errors': {},
    'dld_full_crops': {FLAGS: 1},
    # Words, and where text is drawn; maps of text, of features, and of reading.
    'dld_all_three': {FLAGS: 2, FINITE: 5, SCALES: 1, CTC_WORDS: 1, NAN: 1, TEXTS_CTC: 3,
                      CTC_NBEST: 1},
    'dld_mask_rcnn': {FLAGS: 2, FINITE: 6, SCALES: 1, STEPS: 1, NMS: 3},
    'dld_abcnet': {FLAGS: 1, FINITE: 5, SCALES: 1, STEPS: 1},
    'dld_detector': {FLAGS: 1},
    'dld_detector_of_mmdet': {FLAGS: 2, NMS: 6},  # its own loss; two images at three scales
    'dld_detector_reading': {FLAGS: 2, FINITE: 3, CTC_WORDS: 1},
    'temperature_hook': {FLAGS: 1, SCALES: 1, CTC_WORDS: 1},
}

# Registries of what never meets a device: data sets, their transforms and preparation.
OF_DATA = {'TRANSFORMS', 'DATASETS', 'DATA_PARSERS', 'DATA_OBTAINERS', 'DATA_GATHERERS',
           'DATA_PACKERS', 'DATA_CONVERTERS', 'CFG_GENERATORS', 'DATA_SAMPLERS'}
# Type -> why it takes no step here.
EXEMPT = {
    'ExportableNRTREncoder': 'for export, which runs on the CPU; weights are those of NRTREncoder',
    'ExportableNRTRDecoder': 'likewise, of NRTRDecoder',
    'ExportableSATRNEncoder': 'likewise, of SATRNEncoder',
    'FrozenReader': 'dld_detector_reading has one, built past the registry',
    'ResolutionAccuracyLoss': 'dld_det_rec has one, built past the registry',
    'ResolutionCostLoss': 'dld_det_rec has one, built past the registry',
    'EvaluateTeacherHook': 'looks at a validation set before training, and waits for its scores',
    'TeacherDataHook': 'changes data sets before training',
    'DisjointPhotosHook': 'compares the files of data sets before training',
    'PairingHook': 'seeds data sets before training, and looks at images on the host',
}


@pytest.mark.parametrize('device', DEVICES)
@pytest.mark.parametrize('name', CASES)
def test_steps_are_as_on_the_cpu(name, device):
    expected, found = (leaves(take(name, kind).values) for kind in ('cpu', device))
    if device == 'cuda':
        assert all(torch.as_tensor(value).isfinite().all() for key, value in found.items()
                   if key.startswith(('log', 'weights')))
        return
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, (str, type(None))):
            assert found[key] == value, key
        else:
            torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-5, equal_nan=True,
                                       msg=lambda m, k=key: f'{k}: {m}')


@pytest.mark.parametrize('name', CASES)
def test_training_waits_for_the_device_where_it_has_to(name):
    """Or the host no longer runs ahead, and the GPU idles: name the reason above, or do without."""
    assert take(name, 'fake').waits == Counter(WAITS.get(name, {}))


def test_every_wait_has_a_reason_and_every_reason_a_wait():
    assert set().union(*WAITS.values()) == set(REASONS) and WAITS.keys() <= CASES.keys()


def test_spotters_find_something_to_compare():
    for name in ('det_rec_spotter', 'mask_rcnn_spotter', 'dld_mask_rcnn'):
        results = take(name, 'fake').values['results']
        assert any(len(result['pred_instances']['texts']) for result in results), name


def test_everything_registered_takes_a_step():
    """Something new needs a case in ``steps.py``, or a reason in ``EXEMPT`` to have none."""
    ours = registered()
    stepped = {kind.__name__ for name in CASES for kind in take(name, 'cpu').built}
    assert not sorted(ours - stepped - set(EXEMPT))
    assert set(EXEMPT) <= ours - stepped


def registered():
    """Names of the package's types in all registries but those of data."""
    registries = {name: each for name, each in vars(mmocr.registry).items()
                  if isinstance(each, Registry) and name not in OF_DATA}
    assert {'MODELS', 'HOOKS', 'METRICS', 'EVALUATOR', 'VISUALIZERS'} <= set(registries)
    return {kind.__name__ for each in registries.values() for kind in each.module_dict.values()
            if kind.__module__.startswith('mmocr_kd.')}


def leaves(value, path=''):
    """Everything in a nest, by its place."""
    if not isinstance(value, (dict, list, tuple)):
        return {path[1:]: value}
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    return {where: leaf for key, part in parts
            for where, leaf in leaves(part, f'{path}.{key}').items()}
