"""Time, memory and operations of things to be compared. Knows nothing of OCR or distillation."""
from .cost_table import CostTable, selector_fields
from .height_curve import HeightCurve
from .interleave import Case, Timing, interleave
from .layer_macs import layer_macs
from .peak_memory import peak_bytes, tensor_bytes
from .product_macs import product_macs
from .ratings_file import ImageRating, RatingsFile, RatingsHeader
from .ratio import Ratio, median_ratio
from .scale_ratings import ScaleRatings

__all__ = [
    'Case', 'CostTable', 'HeightCurve', 'ImageRating', 'Ratio', 'RatingsFile', 'RatingsHeader',
    'ScaleRatings', 'Timing', 'interleave', 'layer_macs', 'median_ratio', 'peak_bytes',
    'product_macs', 'selector_fields', 'tensor_bytes'
]
