"""End-to-end text spotters and what they are made of."""
from .det_rec_text_spotter import DetRecTextSpotter
from .mask_rcnn import MaskedRoIExtractor, MaskRCNNTextSpotter
from .quad_crops import QuadCut, crop_quads, reading_quads
from .roi_head_spotter import distillable
from .spotter_protocol import DistillableSpotter, ReadsAtSizes
from .words import TrainableTexts, Words

__all__ = [
    'DetRecTextSpotter', 'DistillableSpotter', 'MaskRCNNTextSpotter', 'MaskedRoIExtractor',
    'QuadCut', 'ReadsAtSizes', 'TrainableTexts', 'Words', 'crop_quads', 'distillable',
    'reading_quads'
]
