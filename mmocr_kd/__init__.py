"""Knowledge distillation for MMOCR 1.x: importing this package registers all its components."""
from .models import *  # noqa: F401,F403
