"""Models and their parts, registered in MMOCR's ``MODELS``."""
from .adaptors import *
from .backbones import *
from .data_preprocessors import *
from .decoders import *
from .detectors import *
from .dictionaries import *
from .dld import *
from .encoders import *
from .module_losses import *
from .mutual_distiller import *
from .recognizers import *
from .selectors import *
from .spotters import *
