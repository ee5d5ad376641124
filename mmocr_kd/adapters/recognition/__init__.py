"""What the losses need to know of MMOCR's recognisers."""
from .hypotheses import Speller, hypotheses
from .kinds import is_autoregressive, is_ctc
from .labels import labels_of, prepare_targets, require_comparable, require_same_dictionary
from .low_res_start import LOW_RES_DIFFERENCES, PATCH_INITS, start_from_teacher
from .pair_reader import PairReader
from .reading_teacher import RecognizerTeacher
from .readings import align_frames, build_reading
from .scores import Scorer, listen
from .sources import ReadingSources, reading_sources
from .teacher_forcing import teacher_forcing

__all__ = [
    'LOW_RES_DIFFERENCES', 'PATCH_INITS', 'PairReader', 'ReadingSources', 'RecognizerTeacher',
    'Scorer', 'Speller', 'align_frames', 'build_reading', 'hypotheses', 'is_autoregressive',
    'is_ctc', 'labels_of', 'listen', 'prepare_targets',
    'reading_sources', 'require_comparable', 'require_same_dictionary', 'start_from_teacher',
    'teacher_forcing'
]
