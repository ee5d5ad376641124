"""Text recognisers."""
from .low_res_recognizer_distiller import LowResRecognizerDistiller
from .matrn import MATRN

__all__ = ['LowResRecognizerDistiller', 'MATRN']
