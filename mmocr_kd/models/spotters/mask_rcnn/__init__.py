"""The spotter DLD was published with."""
from .mask_rcnn_text_spotter import MaskRCNNTextSpotter
from .masked_roi_extractor import MaskCut, MaskedRoIExtractor

__all__ = ['MaskCut', 'MaskRCNNTextSpotter', 'MaskedRoIExtractor']
