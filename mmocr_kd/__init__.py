"""Knowledge distillation for MMOCR 1.x: importing this package registers all its components."""
from .compat import install

install()  # before anything that imports MMOCR

# isort: split
from .datasets import *  # noqa: E402
from .distill import *  # noqa: E402
from .evaluation import *  # noqa: E402
from .hooks import *  # noqa: E402
from .losses import *  # noqa: E402
from .models import *  # noqa: E402
from .teachers import *  # noqa: E402
from .version import __version__  # noqa: E402, F401
