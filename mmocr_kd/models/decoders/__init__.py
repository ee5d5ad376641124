"""Decoders of text recognisers."""
from .matrn_fuser import MATRNFuser
from .parseq_decoder import PARSeqDecoder
from .semantic_visual_fusion import SemanticVisualFusion
from .visual_token_masking import VisualTokenMasking

__all__ = ['MATRNFuser', 'PARSeqDecoder', 'SemanticVisualFusion', 'VisualTokenMasking']
