"""From photos to a small model, in one go: what ``mmocr-kd distill`` does."""
from .detector import DetectorDistillation
from .distillation import PhotoDistillation, Voice, follow
from .recognizer import RecognizerDistillation
from .work_folder import Wish

__all__ = ['DetectorDistillation', 'PhotoDistillation', 'RecognizerDistillation', 'Voice', 'Wish',
           'follow']
