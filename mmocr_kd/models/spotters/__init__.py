"""End-to-end text spotters and what they are made of."""
from .adapt import distillable
from .det_rec_text_spotter import DetRecTextSpotter
from .mask_rcnn import MaskedRoIExtractor, MaskRCNNTextSpotter
from .quad_crops import crop_quads
from .reading_quads import reading_quads
from .rec_taps import RecTapReader, RecTaps
from .spotter_protocol import DistillableSpotter, ReadsAtSizes, SpottedWords
from .words import Words

__all__ = [
    'DetRecTextSpotter', 'DistillableSpotter', 'MaskRCNNTextSpotter', 'MaskedRoIExtractor',
    'ReadsAtSizes', 'RecTapReader', 'RecTaps', 'SpottedWords', 'Words', 'crop_quads',
    'distillable', 'reading_quads'
]
