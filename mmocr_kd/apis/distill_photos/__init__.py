"""From photos to a small model, in one go: what ``mmocr-kd distill`` does."""
from .detector import DetectorDistillation, Voice
from .work_folder import Wish

__all__ = ['DetectorDistillation', 'Voice', 'Wish']
