"""Spoiling word images, as KD-LTR's robustness experiments do."""
from .operations import OPERATIONS
from .text_degradation import TextDegradation

__all__ = ['OPERATIONS', 'TextDegradation']
