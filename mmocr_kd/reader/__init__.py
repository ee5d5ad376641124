"""Reads photos with exported models. Needs NumPy, OpenCV, ONNX Runtime and pyclipper, no PyTorch.

``onnx_file.py`` runs a file that ``mmocr-kd export`` wrote and knows what it says about itself;
``resizing.py`` shows it images as MMOCR's pipelines do; ``detection.py`` and ``recognition.py``
make polygons and texts of what it answers; ``selection.py`` chooses a detector's resolution;
``cutting.py`` cuts words out as a spotter does; ``reader.py`` puts them together.
"""
from .detection import Detector
from .onnx_file import ForeignFileError, OnnxFile
from .reader import Reader, Text
from .recognition import Recognizer
from .selection import Selector

__all__ = ['Detector', 'ForeignFileError', 'OnnxFile', 'Reader', 'Recognizer', 'Selector',
           'Text']
