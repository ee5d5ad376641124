"""Module losses: a text recogniser's targets and its task loss."""
from .attn_ce_module_loss import AttnCEModuleLoss
from .matrn_module_loss import MATRNModuleLoss
from .parseq_module_loss import PARSeqModuleLoss

__all__ = ['AttnCEModuleLoss', 'MATRNModuleLoss', 'PARSeqModuleLoss']
