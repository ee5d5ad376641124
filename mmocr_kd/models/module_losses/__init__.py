"""Module losses: a text recogniser's targets and its task loss."""
from .matrn_module_loss import MATRNModuleLoss
from .parseq_module_loss import PARSeqModuleLoss

__all__ = ['MATRNModuleLoss', 'PARSeqModuleLoss']
