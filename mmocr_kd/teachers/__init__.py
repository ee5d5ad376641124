"""Teachers that are no MMOCR model: what they know comes from elsewhere."""
from .onnx_teacher import OnnxTeacher

__all__ = ['OnnxTeacher']
