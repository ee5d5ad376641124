"""Teachers that are no frozen MMOCR model: what they know comes from elsewhere."""
from .cached_teacher import CachedTeacher
from .ema_teacher import EMATeacher
from .ensemble_teacher import EnsembleTeacher
from .ground_truth_teacher import GroundTruthTeacher
from .onnx_teacher import OnnxTeacher

__all__ = ['CachedTeacher', 'EMATeacher', 'EnsembleTeacher', 'GroundTruthTeacher', 'OnnxTeacher']
