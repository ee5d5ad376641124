"""Recognisers that read frame by frame (CTC): where characters stand, which labels are probable."""
from .alignment import align_labels, character_vectors, occupancy
from .labels import label_distribution
from .search import ReadLabels, best_labels

__all__ = [
    'ReadLabels', 'align_labels', 'best_labels', 'character_vectors', 'label_distribution',
    'occupancy'
]
