"""Text detectors that learn from a teacher."""
from .dbnet_distiller import DBNetDistiller

__all__ = ['DBNetDistiller']
