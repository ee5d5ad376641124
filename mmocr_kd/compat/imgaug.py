"""A helpful error where imgaug and NumPy do not fit together."""


def require_imgaug() -> None:
    """Make sure that ``import imgaug`` works.

    Raises:
        ImportError: If it does not, as imgaug (which MMOCR requires by name) with NumPy 2. imaug is
            the same module for it, and of the two the one that was installed last is in place.
    """
    try:
        import imgaug  # noqa: F401
    except AttributeError as error:
        import numpy as np
        raise ImportError(
            f'imgaug does not run on NumPy {np.__version__} ({error}). Run "pip install '
            '--force-reinstall --no-deps imaug": it puts the same module in the place of imgaug\'s'
        ) from error
