"""Pipeline steps, registered in MMOCR's ``TRANSFORMS``."""
from .filter_recog_text import FilterRecogText
from .load_image import BrokenImageError, CheckedLoadImageFromFile
from .pack_paired_recog import PackPairedTextRecogInputs
from .paired_resize import PairedResize
from .synthesize_lr import SynthesizeLR

__all__ = [
    'BrokenImageError', 'CheckedLoadImageFromFile', 'FilterRecogText', 'PackPairedTextRecogInputs',
    'PairedResize', 'SynthesizeLR'
]
