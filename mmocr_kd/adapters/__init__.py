"""What ties the engine to MMOCR's text detectors: where their logits are, where the text is."""
from .ignored import ignored_flags
from .rescale_batch import on_canvas, rescale_batch
from .rescale_maps import rescale_maps
from .terms import build_teacher, build_teachers, build_term, build_terms
from .text_logits import build_source, shared_features, text_logits
from .text_mask import draw_text_mask

__all__ = [
    'build_source', 'build_teacher', 'build_teachers', 'build_term', 'build_terms',
    'draw_text_mask', 'ignored_flags', 'on_canvas', 'rescale_batch', 'rescale_maps',
    'shared_features', 'text_logits'
]
