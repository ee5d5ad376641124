"""Fonts and photos for the embedded data set: nothing is downloaded.

They are read from installed wheels, or from folders of the user's.
"""
from __future__ import annotations

import importlib.util
import string
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL.Image
from PIL import ImageFont, ImageOps

from ..unlabelled.photos import find_photos
from .arrays import Image
from .spec import SceneSpec

# Faces of matplotlib's wheel that hold all of printable ASCII.
FACES = ('DejaVuSans', 'DejaVuSans-Bold', 'DejaVuSans-Oblique', 'DejaVuSans-BoldOblique',
         'DejaVuSansMono', 'DejaVuSansMono-Bold', 'DejaVuSansMono-Oblique',
         'DejaVuSansMono-BoldOblique', 'DejaVuSerif', 'DejaVuSerif-Bold', 'DejaVuSerif-Italic',
         'DejaVuSerif-BoldItalic', 'STIXGeneral', 'STIXGeneralBol', 'STIXGeneralItalic',
         'STIXGeneralBolIta')

# What a font of the user's has to draw: letters, digits, and what the lexicon sets beside them.
_NEEDED = string.ascii_letters + string.digits + '$%.:-!'
_FONTS = ('.otf', '.ttc', '.ttf')
_LONGEST = 1600  # side of a photo of the user's, in pixels: it is kept in memory


class Photo(NamedTuple):
    """A part of a photo that shows no text of its own.

    Args:
        package: Importable package whose wheel holds the file; '' for a file of the user's.
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


def photos_of(spec: SceneSpec) -> tuple[Photo, ...]:
    """Photos to set text on: those of the split, or those in the user's folder.

    Args:
        spec: The data set.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it holds no photo.
    """
    return _own_photos(spec.photos) if spec.photos else PHOTOS[spec.split]


def faces_of(spec: SceneSpec) -> tuple[str, ...]:
    """Fonts to set text in: matplotlib's faces, or paths of the user's files.

    Args:
        spec: The data set.

    Raises:
        ValueError: If no file in the user's folder is a font with all letters and digits.
    """
    return _own_faces(spec.fonts) if spec.fonts else FACES


@cache
def words_in(path: str) -> tuple[str, ...]:
    """Words of a file, one a line; empty lines are left out.

    Args:
        path: The file, in UTF-8.

    Raises:
        FileNotFoundError: If it is not there.
        ValueError: If it holds none.
    """
    words = tuple(filter(None, map(str.strip, Path(path).read_text('utf-8').split('\n'))))
    if not words:
        raise ValueError(f'words={path!r} is empty: a word a line is expected')
    return words


@cache
def draws(face: str, text: str) -> bool:
    """Whether a font has all characters of a text.

    Args:
        face: See :func:`load_font`.
        text: Characters that leave ink.
    """
    font = load_font(face, 32)
    # What stands in for characters that a font lacks: U+0378 is none.
    lack = bytes(font.getmask('\u0378'))
    return all((mask := font.getmask(each)).getbbox() and bytes(mask) != lack for each in text)


@cache
def _own_photos(folder: str) -> tuple[Photo, ...]:
    return tuple(Photo('', f'{folder}/{name}') for name in find_photos(folder))


@cache
def _own_faces(folder: str) -> tuple[str, ...]:
    files = sorted(str(path) for path in Path(folder).rglob('*') if path.suffix.lower() in _FONTS)
    if not (faces := tuple(file for file in files if draws(file, _NEEDED))):
        raise ValueError(f'fonts={folder!r} has no font ({", ".join(_FONTS)}) that draws '
                         f'{_NEEDED}: {len(files)} files were tried')
    return faces


def _asset(package: str, path: str) -> str:
    if not package:
        return path
    file = package_folder(package) / path
    if not file.is_file():
        raise ImportError(f'{file} is missing: the installed {package} does not ship it. The '
                          "tested versions come with: pip install 'mmocr_kd[embedded]'")
    return str(file)


def require_assets(spec: SceneSpec) -> None:
    """Check that all fonts, photos and words are there, before the first one is read.

    Args:
        spec: The data set.

    Raises:
        FileNotFoundError: If a folder or file of the user's is not there.
        ImportError: If a package that ships one is missing, or does not ship it.
        ValueError: If a folder or file of the user's holds none.
    """
    for face in faces_of(spec):
        _font_file(face)
    for photo in photos_of(spec):
        _asset(photo.package, photo.path)
    if spec.words:
        words_in(spec.words)


def _font_file(face: str) -> str:
    if face not in FACES:
        return face
    return _asset('matplotlib', f'mpl-data/fonts/ttf/{face}.ttf')


# Not more: a font with Chinese keeps 5 MB.
@lru_cache(maxsize=128)
def load_font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """A font, cached per process.

    Args:
        face: One of :data:`FACES`, or a file.
        size: Font size in pixels, > 0.

    Raises:
        ImportError: If matplotlib is missing.
    """
    # The basic layout engine is in every build of Pillow, so kerning is the same everywhere.
    return ImageFont.truetype(_font_file(face), size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=128)
def load_photo(photo: Photo) -> Image:
    """The usable part of a photo, cached per process.

    Args:
        photo: One of :func:`photos_of`; a file of the user's is turned upright, and shrunk to at
            most 1,600 pixels.

    Returns:
        BGR image of shape (H, W, 3). Treat it as read-only: it is shared.

    Raises:
        ImportError: If the package that ships it is missing.
    """
    with PIL.Image.open(_asset(photo.package, photo.path)) as file:
        part = file if photo.package else _upright(file)
        part = part.convert('RGB').crop(photo.box or (0, 0, *part.size))
    image = np.ascontiguousarray(np.asarray(part)[..., ::-1])
    image.setflags(write=False)
    return image


def _upright(file: PIL.Image.Image) -> PIL.Image.Image:
    """A photo as its EXIF data turn it, not too large to be kept."""
    file.draft('RGB', (_LONGEST, _LONGEST))
    file.thumbnail((_LONGEST, _LONGEST))
    return ImageOps.exif_transpose(file)
