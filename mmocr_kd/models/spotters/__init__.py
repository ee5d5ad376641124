"""End-to-end text spotters and what they are made of."""
from .quad_crops import crop_quads
from .reading_quads import reading_quads

__all__ = ['crop_quads', 'reading_quads']
