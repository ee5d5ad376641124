"""Text recognisers."""
from .matrn import MATRN

__all__ = ['MATRN']
