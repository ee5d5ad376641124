"""MMEngine hooks; thin: they wire the engine to a Runner."""
from .masket_distill_hook import MaskETDistillHook

__all__ = ['MaskETDistillHook']
