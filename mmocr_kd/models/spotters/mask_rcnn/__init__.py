"""The spotter DLD was published with."""
from .mask_rcnn_text_spotter import MaskRCNNTextSpotter
from .masked_roi_extractor import MaskedRoIExtractor
from .polygon_words import PolygonWords, polygon_words

__all__ = ['MaskRCNNTextSpotter', 'MaskedRoIExtractor', 'PolygonWords', 'polygon_words']
