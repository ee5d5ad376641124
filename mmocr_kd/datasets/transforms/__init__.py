"""Pipeline steps, registered in MMOCR's ``TRANSFORMS``."""
from .load_image import BrokenImageError, CheckedLoadImageFromFile

__all__ = ['BrokenImageError', 'CheckedLoadImageFromFile']
