"""Scene-like images with text that are rendered on the fly, for all three tasks."""
from .backend import EmbeddedBackend
from .datasets import EmbeddedTextDetDataset, EmbeddedTextRecogDataset, EmbeddedTextSpottingDataset
from .scene import Scene, rectify, render_scene, render_words
from .spec import SceneSpec

__all__ = [
    'EmbeddedBackend', 'EmbeddedTextDetDataset', 'EmbeddedTextRecogDataset',
    'EmbeddedTextSpottingDataset', 'Scene', 'SceneSpec', 'rectify', 'render_scene', 'render_words'
]
