"""Distillation losses: ``loss(student, teacher, mask) -> dict``. No model, no runner."""
from .binary_kd_loss import BinaryKDLoss
from .cwd_loss import CWDLoss
from .entropy import binary_entropy, binary_kl
from .fitnet_loss import FitNetLoss
from .masket_loss import MaskETLoss
from .pixel_loss import PixelLoss

__all__ = [
    'BinaryKDLoss', 'CWDLoss', 'FitNetLoss', 'MaskETLoss', 'PixelLoss', 'binary_entropy',
    'binary_kl'
]
