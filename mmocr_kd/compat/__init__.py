"""What lets MMOCR 1.0.1 run on today's PyTorch. Nothing else in the package knows about it."""
from .imgaug import require_imgaug
from .mmcv import require_mmcv
from .opencv import require_opencv
from .resume import allow_mmengine_checkpoints

__all__ = ['allow_mmengine_checkpoints', 'install', 'require_imgaug', 'require_mmcv',
           'require_opencv']


def install() -> None:
    """Put everything in place; has to run before MMOCR is imported. May run repeatedly.

    Raises:
        ImportError: If neither mmcv nor mmcv-lite is installed, or OpenCV or imgaug cannot be
            loaded.
    """
    require_opencv()
    require_imgaug()
    require_mmcv()
    allow_mmengine_checkpoints()
