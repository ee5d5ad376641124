"""Knowledge distillation for MMOCR 1.x: importing this package registers all its components.

Where MMOCR is not installed, nothing is registered: exported models are read all the same.
"""
from importlib.util import find_spec


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:
        return False


if _is_there('mmocr'):
    from .compat import install

    install()  # before anything that imports MMOCR

    # isort: split
    from .datasets import *
    from .distill import *
    from .evaluation import *
    from .hooks import *
    from .losses import *
    from .models import *
    from .teachers import *

from .version import __version__  # noqa: E402, F401
