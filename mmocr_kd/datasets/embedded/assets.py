"""Fonts and photos for the embedded data set, read from installed wheels: nothing is downloaded."""
from __future__ import annotations

import importlib.util
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
from PIL import ImageFont

from .arrays import Image

# Faces of matplotlib's wheel that hold all of printable ASCII.
FACES = ('DejaVuSans', 'DejaVuSans-Bold', 'DejaVuSans-Oblique', 'DejaVuSans-BoldOblique',
         'DejaVuSansMono', 'DejaVuSansMono-Bold', 'DejaVuSansMono-Oblique',
         'DejaVuSansMono-BoldOblique', 'DejaVuSerif', 'DejaVuSerif-Bold', 'DejaVuSerif-Italic',
         'DejaVuSerif-BoldItalic', 'STIXGeneral', 'STIXGeneralBol', 'STIXGeneralItalic',
         'STIXGeneralBolIta')


class Photo(NamedTuple):
    """A part of a photo that shows no text of its own.

    Args:
        package: Importable package whose wheel holds the file.
        path: The file, relative to the package's folder.
        box: Left, top, right and bottom of the usable part in pixels; None means all of it.
    """

    package: str
    path: str
    box: tuple[int, int, int, int] | None = None


# Badges, name plates and brand names are cut off. No photo serves two splits, and the two
# motorcycle crops are of one photo and in one split.
PHOTOS = {
    'train': (
        Photo('skimage', 'data/astronaut.png', (0, 0, 512, 330)),
        Photo('skimage', 'data/brick.png'),
        Photo('skimage', 'data/camera.png'),
        Photo('skimage', 'data/chelsea.png'),
        Photo('skimage', 'data/gravel.png'),
        Photo('skimage', 'data/hubble_deep_field.jpg'),
        Photo('skimage', 'data/ihc.png'),
        Photo('skimage', 'data/motorcycle_left.png', (0, 0, 300, 500)),
        Photo('skimage', 'data/motorcycle_left.png', (480, 210, 741, 500)),
        Photo('imgaug', 'quokka.jpg'),
    ),
    'val': (
        Photo('skimage', 'data/coffee.png'),
        Photo('skimage', 'data/moon.png'),
        Photo('skimage', 'data/retina.jpg', (210, 210, 1200, 1200)),
    ),
    'test': (
        Photo('matplotlib', 'mpl-data/sample_data/grace_hopper.jpg', (0, 0, 512, 460)),
        Photo('skimage', 'data/cell.png'),
        Photo('skimage', 'data/grass.png'),
        Photo('skimage', 'data/rocket.jpg'),
    ),
}


def package_folder(package: str) -> Path:
    """Folder of an installed package, found without importing it (matplotlib takes a second).

    Args:
        package: Its import name.

    Raises:
        ImportError: If it is not installed, with the command that installs it.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ImportError(f'the embedded data set takes fonts and photos from {package}, which is '
                          "not installed: pip install 'mmocr_kd[embedded]'")
    return Path(spec.origin).parent


def _asset(package: str, path: str) -> str:
    file = package_folder(package) / path
    if not file.is_file():
        raise ImportError(f'{file} is missing: the installed {package} does not ship it. The '
                          "tested versions come with: pip install 'mmocr_kd[embedded]'")
    return str(file)


def require_assets(split: str) -> None:
    """Check that all fonts and photos of a split are there, before the first one is read.

    Args:
        split: One of :data:`PHOTOS`.

    Raises:
        ImportError: If a package that ships one is missing, or does not ship it.
    """
    for face in FACES:
        _font_file(face)
    for photo in PHOTOS[split]:
        _asset(photo.package, photo.path)


def _font_file(face: str) -> str:
    return _asset('matplotlib', f'mpl-data/fonts/ttf/{face}.ttf')


@lru_cache(maxsize=1024)
def load_font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """A font from matplotlib's wheel, cached per process.

    Args:
        face: One of :data:`FACES`.
        size: Font size in pixels, > 0.

    Raises:
        ImportError: If matplotlib is missing.
    """
    # The basic layout engine is in every build of Pillow, so kerning is the same everywhere.
    return ImageFont.truetype(_font_file(face), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def load_photo(photo: Photo) -> Image:
    """The usable part of a photo, cached per process.

    Args:
        photo: One of :data:`PHOTOS`.

    Returns:
        BGR image of shape (H, W, 3). Treat it as read-only: it is shared.

    Raises:
        ImportError: If the package that ships it is missing.
    """
    with PIL.Image.open(_asset(photo.package, photo.path)) as file:
        part = file.convert('RGB').crop(photo.box or (0, 0, *file.size))
    image = np.ascontiguousarray(np.asarray(part)[..., ::-1])
    image.setflags(write=False)
    return image
