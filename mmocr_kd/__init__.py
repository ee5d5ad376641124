"""Knowledge distillation for MMOCR 1.x: importing this package registers all its components."""
from .datasets import *  # noqa: F401,F403
from .distill import *  # noqa: F401,F403
from .hooks import *  # noqa: F401,F403
from .losses import *  # noqa: F401,F403
from .models import *  # noqa: F401,F403

__version__ = '0.1.0'
