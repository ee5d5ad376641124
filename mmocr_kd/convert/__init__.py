"""Conversion of official recognisers' weights to MMOCR's keys and to those of this package."""
from .abinet import convert_abinet
from .check import misfits
from .converted import Converted
from .errors import OfficialLayoutError
from .matrn import convert_matrn
from .official_file import read_official
from .parseq import convert_parseq

CONVERTERS = {'abinet': convert_abinet, 'matrn': convert_matrn, 'parseq': convert_parseq}

__all__ = [
    'CONVERTERS', 'Converted', 'OfficialLayoutError', 'convert_abinet', 'convert_matrn',
    'convert_parseq', 'misfits', 'read_official'
]
