"""Models and their parts, registered in MMOCR's ``MODELS``."""
from .adaptors import *
from .backbones import *
from .detectors import *
