"""What lets MMOCR 1.0.1 run on today's PyTorch. Nothing else in the package knows about it."""
from .mmcv_ext import UnsupportedOpError, install_mmcv_ext
from .opencv import require_opencv
from .resume import allow_mmengine_checkpoints

__all__ = [
    'UnsupportedOpError', 'allow_mmengine_checkpoints', 'install', 'install_mmcv_ext',
    'require_opencv'
]


def install() -> None:
    """Put everything in place; has to run before MMOCR is imported. May run repeatedly.

    Raises:
        ImportError: If neither mmcv nor mmcv-lite is installed, or OpenCV cannot be loaded.
    """
    require_opencv()
    install_mmcv_ext()
    allow_mmengine_checkpoints()
