"""The command ``mmocr-kd``: thin verbs over ``apis``."""
from .main import main

__all__ = ['main']
