"""MMEngine hooks; thin: they wire the engine to a Runner."""
from .gumbel_temperature_hook import GumbelTemperatureHook
from .masket_distill_hook import MaskETDistillHook

__all__ = ['GumbelTemperatureHook', 'MaskETDistillHook']
