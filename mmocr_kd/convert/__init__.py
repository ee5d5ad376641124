"""Conversion of official recognisers' weights to MMOCR's keys and to those of this package."""
from .abinet import convert_abinet
from .converted import Converted
from .errors import OfficialLayoutError
from .official_file import read_official

__all__ = ['Converted', 'OfficialLayoutError', 'convert_abinet', 'read_official']
