"""Photos and words that nobody labelled."""
from .photos import find_photos
from .quad_crops import QuadBackend, quad_path
from .unlabelled_datasets import UnlabelledTextDetDataset, UnlabelledTextRecogDataset

__all__ = [
    'QuadBackend', 'UnlabelledTextDetDataset', 'UnlabelledTextRecogDataset', 'find_photos',
    'quad_path'
]
