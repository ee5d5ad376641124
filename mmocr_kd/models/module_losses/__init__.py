"""Module losses: a model's targets and its task loss."""
from .attn_ce_module_loss import AttnCEModuleLoss
from .matrn_module_loss import MATRNModuleLoss
from .parseq_module_loss import PARSeqModuleLoss
from .prepared_db_module_loss import PreparedDBModuleLoss

__all__ = ['AttnCEModuleLoss', 'MATRNModuleLoss', 'PARSeqModuleLoss', 'PreparedDBModuleLoss']
