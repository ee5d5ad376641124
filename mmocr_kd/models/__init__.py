"""Models and their parts, registered in MMOCR's ``MODELS``."""
from .adaptors import *  # noqa: F401,F403
from .backbones import *  # noqa: F401,F403
from .detectors import *  # noqa: F401,F403
