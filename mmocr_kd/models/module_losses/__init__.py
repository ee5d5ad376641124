"""Module losses: a text recogniser's targets and its task loss."""
from .matrn_module_loss import MATRNModuleLoss

__all__ = ['MATRNModuleLoss']
