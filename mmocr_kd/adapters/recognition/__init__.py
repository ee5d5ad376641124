"""What the losses need to know of MMOCR's recognisers."""
from .build_reading import align_frames, build_reading
from .hypotheses import Speller, hypotheses
from .kinds import is_autoregressive, is_ctc
from .labels import (
    labels_of,
    prepare_targets,
    require_comparable,
    require_same_dictionary,
    word_weights,
)
from .low_res_start import LOW_RES_DIFFERENCES, PATCH_INITS, start_from_teacher
from .reading_comparison import HypothesesComparison, ReadingComparison, same_orders
from .reading_recorder import ReadingRecorder, reading_context, reading_roi
from .reading_sources import (
    ReadingSources,
    reading_attention,
    reading_glimpses,
    reading_logits,
    reading_sources,
    reading_visual,
)
from .reading_terms import (
    bind_to_read,
    build_reading_losses,
    build_reading_teachers,
    build_reading_terms,
    read_freely,
    reading_term_configs,
)
from .recognizer_teacher import RecognizerTeacher
from .scores import Scorer, listen
from .teacher_forcing import teacher_forcing

__all__ = [
    'HypothesesComparison', 'LOW_RES_DIFFERENCES', 'PATCH_INITS', 'ReadingComparison',
    'ReadingRecorder', 'ReadingSources', 'RecognizerTeacher', 'Scorer', 'Speller', 'align_frames',
    'bind_to_read', 'build_reading', 'build_reading_losses', 'build_reading_teachers',
    'build_reading_terms', 'hypotheses', 'is_autoregressive', 'is_ctc', 'labels_of', 'listen',
    'prepare_targets', 'read_freely', 'reading_attention', 'reading_context', 'reading_glimpses',
    'reading_logits', 'reading_roi', 'reading_sources', 'reading_term_configs', 'reading_visual',
    'require_comparable', 'require_same_dictionary', 'same_orders', 'start_from_teacher',
    'teacher_forcing', 'word_weights'
]
