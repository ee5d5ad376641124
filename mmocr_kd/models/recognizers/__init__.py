"""Text recognisers."""
from .low_res_recognizer_distiller import LowResRecognizerDistiller
from .matrn import MATRN
from .parseq import PARSeq

__all__ = ['LowResRecognizerDistiller', 'MATRN', 'PARSeq']
