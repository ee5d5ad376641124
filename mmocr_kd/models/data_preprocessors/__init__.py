"""Batching and normalisation."""
from .paired_recog import PairedTextRecogDataPreprocessor

__all__ = ['PairedTextRecogDataPreprocessor']
