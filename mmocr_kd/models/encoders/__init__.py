"""Encoders of recognisers."""
from .bilstm_encoder import BiLSTMEncoder
from .exportable_nrtr_encoder import ExportableNRTREncoder
from .exportable_satrn_encoder import ExportableSATRNEncoder
from .low_res_svtr import LowResSVTREncoder

__all__ = ['BiLSTMEncoder', 'ExportableNRTREncoder', 'ExportableSATRNEncoder', 'LowResSVTREncoder']
