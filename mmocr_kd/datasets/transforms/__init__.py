"""Pipeline steps, registered in MMOCR's ``TRANSFORMS``."""
from .db_targets import DBTargets
from .degradation import TextDegradation
from .filter_recog_text import FilterRecogText
from .load_image import BrokenImageError, CheckedLoadImageFromFile
from .pack_paired_recog import PackPairedTextRecogInputs
from .pack_text_spotting import PackTextSpottingInputs
from .paired_apply import PairedApply
from .paired_resize import PairedResize
from .remember import Remember
from .synthesize_lr import SynthesizeLR

__all__ = [
    'BrokenImageError', 'CheckedLoadImageFromFile', 'DBTargets', 'FilterRecogText',
    'PackPairedTextRecogInputs', 'PackTextSpottingInputs', 'PairedApply', 'PairedResize',
    'Remember', 'SynthesizeLR', 'TextDegradation'
]
