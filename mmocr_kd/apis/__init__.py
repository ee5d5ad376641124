"""Functions on whole configs, for tools and scripts. On top of everything else."""
from .distillation import Distillation, find_distillation

__all__ = ['Distillation', 'find_distillation']
