"""Time and memory of things that are to be compared. Knows nothing of OCR or distillation."""
from .interleave import Case, Timing, interleave
from .peak_memory import peak_bytes, tensor_bytes

__all__ = ['Case', 'Timing', 'interleave', 'peak_bytes', 'tensor_bytes']
