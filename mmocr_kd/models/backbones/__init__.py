"""Light backbones for students, and timm's zoo for teachers."""
from .mobilenet_v3 import MobileNetV3
from .timm_backbone import TIMMFeatures

__all__ = ['MobileNetV3', 'TIMMFeatures']
