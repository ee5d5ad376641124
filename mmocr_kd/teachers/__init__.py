"""Teachers that are no frozen MMOCR model: what they know comes from elsewhere."""
from .ema_teacher import EMATeacher
from .ensemble_teacher import EnsembleTeacher
from .onnx_teacher import OnnxTeacher

__all__ = ['EMATeacher', 'EnsembleTeacher', 'OnnxTeacher']
