"""DLD: models that choose the resolution they work at."""
from .candidates import Candidates, candidate_logits, evaluating, read_candidates
from .dld_text_detector import DLDTextDetector
from .dld_text_spotter import DLDTextSpotter
from .error_sources import ErrorSource, HeightErrors, PassErrors, StoredErrors
from .frozen_reader import FrozenReader
from .objective import ErrorObjective, GumbelObjective, Objective
from .regions import Regions
from .scale_choice import ScaleChoice, ScaleChooser
from .shrinking import Shrinker, Shrunk
from .spotter_teacher import SpotterTeacher

__all__ = [
    'Candidates', 'DLDTextDetector', 'DLDTextSpotter', 'ErrorObjective',
    'ErrorSource', 'FrozenReader', 'GumbelObjective', 'HeightErrors', 'Objective', 'PassErrors',
    'Regions', 'ScaleChoice', 'ScaleChooser', 'Shrinker', 'Shrunk', 'SpotterTeacher',
    'StoredErrors', 'candidate_logits', 'evaluating', 'read_candidates'
]
