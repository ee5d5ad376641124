"""Encoders of recognisers."""
from .low_res_svtr import LowResSVTREncoder

__all__ = ['LowResSVTREncoder']
