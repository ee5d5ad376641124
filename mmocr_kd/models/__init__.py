"""Models and backbones, registered in MMOCR's ``MODELS``."""
from .backbones import *  # noqa: F401,F403
