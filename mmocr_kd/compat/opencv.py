"""A helpful error where OpenCV cannot be loaded."""
from importlib.metadata import PackageNotFoundError, version


def require_opencv() -> None:
    """Make sure that ``import cv2`` works.

    Raises:
        ImportError: If it does not, as with opencv-python (which MMOCR requires by name) on
            machines without graphical libraries; says what to install.
    """
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'OpenCV cannot be loaded ({error}). On a machine without graphical libraries run '
            '"pip install --force-reinstall --no-deps opencv-python-headless'
            f'{_same_version()}": it puts the same module in the place of opencv-python\'s'
        ) from error


def _same_version() -> str:
    try:
        return '==' + version('opencv-python')
    except PackageNotFoundError:
        return ''
