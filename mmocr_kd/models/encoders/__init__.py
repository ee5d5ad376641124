"""Encoders of recognisers."""
from .bilstm_encoder import BiLSTMEncoder
from .low_res_svtr import LowResSVTREncoder

__all__ = ['BiLSTMEncoder', 'LowResSVTREncoder']
