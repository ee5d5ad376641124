"""Light backbones for students, low-resolution ones, and timm's zoo for teachers."""
from .light_crnn import LightCRNN
from .low_res import LowResMiniVGG, LowResNRTRModalityTransform, LowResResNet31OCR, LowResShallowCNN
from .mobilenet_v3 import MobileNetV3
from .parseq_vit import PARSeqViT
from .slim_vgg import SlimVGG
from .timm_backbone import TIMMFeatures

__all__ = [
    'LightCRNN', 'LowResMiniVGG', 'LowResNRTRModalityTransform', 'LowResResNet31OCR',
    'LowResShallowCNN', 'MobileNetV3', 'PARSeqViT', 'SlimVGG', 'TIMMFeatures'
]
