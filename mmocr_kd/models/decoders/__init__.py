"""Decoders of text recognisers."""
from .additive_attention import AdditiveAttention
from .attn_lstm_decoder import AttnLSTMDecoder
from .exportable_abi_language_decoder import ExportableABILanguageDecoder
from .exportable_nrtr_decoder import ExportableNRTRDecoder
from .matrn_fuser import MATRNFuser
from .parseq_decoder import PARSeqDecoder
from .semantic_visual_fusion import SemanticVisualFusion
from .visual_token_masking import VisualTokenMasking

__all__ = [
    'AdditiveAttention', 'AttnLSTMDecoder', 'ExportableABILanguageDecoder', 'ExportableNRTRDecoder',
    'MATRNFuser', 'PARSeqDecoder', 'SemanticVisualFusion', 'VisualTokenMasking'
]
