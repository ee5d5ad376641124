"""Which words were cut out of which photos, and which photos are the same: told by their pixels.

Crops carry no name of their photo. What does tell is a thumbnail: of a crop, and of the same box in
the photo, even if that photo is half as large or was compressed again.
"""
from __future__ import annotations

from typing import Any, Iterable, Iterator, Sequence

import cv2
import numpy as np
from mmengine import fileio
from mmengine.dataset import BaseDataset
from mmocr.registry import DATASETS

from .embedded.arrays import Image

# Correlations from which on two thumbnails show the same word, and the same photo. Of ICDAR2015's
# 4,468 crops 382 lie on 100 photos that were halved: .9 finds 354 of them and no other crop; .65
# together with equal texts finds all of them and 57 others, most of the same word elsewhere.
SURELY_SAME_WORD, PROBABLY_SAME_WORD = 0.9, 0.65
SAME_PHOTO = 0.99
_SIZE = (32, 16)
_UNIFORM = 1e-3


def build_photos(cfg: dict[str, Any]) -> BaseDataset:
    """Build a data set of photos to look at, without a pipeline and with all of its photos.

    Args:
        cfg: Its config, as a recipe has it.
    """
    return DATASETS.build(dict(cfg, pipeline=[], filter_cfg=None, test_mode=True))


def words_on_photos(words: Iterable[Image], photos: BaseDataset,
                    texts: Sequence[str] | None = None) -> np.ndarray:
    """Tell which words were cut out of photos.

    Args:
        words: W crops (axis-parallel boxes), of any size.
        photos: A data set in MMOCR's format with the boxes or polygons of words.
        texts: What the crops say, to be on the safe side: whatever says the same and is only
            probably the same word counts, too. None: what surely is the same.

    Returns:
        Whether a word lies on one of the photos, bool, shape (W,).
    """
    crops = thumbnails(words)
    labels = np.array([plain(text) for text in texts or ()])
    found = np.zeros(len(crops), dtype=bool)
    for path, regions, said in _words_of(photos):
        likeness = thumbnails(_cut(read_grey(path), regions)) @ crops.T
        found |= (likeness >= SURELY_SAME_WORD).any(0)
        if texts is not None:
            equal = np.array([[plain(text)] for text in said]).reshape(-1, 1) == labels
            found |= (equal & (likeness >= PROBABLY_SAME_WORD)).any(0)
    return found


def shared_photos(first: BaseDataset, second: BaseDataset) -> list[tuple[str, str]]:
    """Find photos that two data sets share, whatever their names.

    Args:
        first: A data set in MMOCR's format.
        second: Another.

    Returns:
        Paths of each pair.
    """
    paths = [[info['img_path'] for info in infos(part)] for part in (first, second)]
    a, b = (thumbnails(map(_read_small, part)) for part in paths)
    return [(paths[0][i], paths[1][j]) for i, j in np.argwhere(a @ b.T >= SAME_PHOTO)]


def thumbnails(images: Iterable[Image]) -> np.ndarray:
    """Shrink images to vectors whose product is their correlation; that of uniform ones is 0.

    Args:
        images: N images, grey (H, W) or in colour (H, W, 3).

    Returns:
        float32, shape (N, 512).
    """
    vectors = [_thumbnail(image) for image in images]
    return np.stack(vectors) if vectors else np.zeros((0, _SIZE[0] * _SIZE[1]), np.float32)


def plain(text: str) -> str:
    """Letters and digits, whatever their case: word data sets differ in the rest.

    Args:
        text: A label.
    """
    return ''.join(char for char in text.casefold() if char.isalnum())


def read_grey(path: str) -> Image:
    """Read an image as grey values.

    Args:
        path: File, or record of a file, as data sets name it.

    Raises:
        FileNotFoundError: If it is missing.
        ValueError: If it is no image.
    """
    return _read(path, cv2.IMREAD_GRAYSCALE)


def _read_small(path: str) -> Image:
    """An eighth of the size is enough, and much faster with JPEG."""
    return _read(path, cv2.IMREAD_REDUCED_GRAYSCALE_8)


def _read(path: str, flag: int) -> Image:
    image = cv2.imdecode(np.frombuffer(fileio.get(path), np.uint8), flag)
    if image is None:
        raise ValueError(f'{path!r} is no image')
    return image


def _thumbnail(image: Image) -> np.ndarray:
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
    vector = cv2.resize(grey, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32).ravel()
    vector -= vector.mean()
    norm = np.linalg.norm(vector)
    return vector / norm if norm > _UNIFORM else vector * 0


def infos(dataset: BaseDataset) -> Iterator[dict[str, Any]]:
    """What a data set knows of each sample.

    Args:
        dataset: The data set.
    """
    return (dataset.get_data_info(i) for i in range(len(dataset)))


def _words_of(photos: BaseDataset) -> Iterator[tuple[str, list[np.ndarray], list[str]]]:
    """Path, corners and texts of the words of each photo that are not ignored."""
    for info in infos(photos):
        words = [word for word in info['instances'] if not word.get('ignore')]
        corners = [np.reshape(word.get('polygon') or word['bbox'], (-1, 2)) for word in words]
        yield info['img_path'], corners, [str(word.get('text', '')) for word in words]


def _cut(photo: Image, regions: Sequence[np.ndarray]) -> Iterator[Image]:
    """Boxes around corners; what lies outside of the photo is a uniform crop."""
    for corners in regions:
        left, top = np.floor(corners.min(0)).astype(int).clip(0)
        right, bottom = np.ceil(corners.max(0)).astype(int) + 1
        region = photo[top:bottom, left:right]
        yield region if region.size else np.zeros((1, 1), np.uint8)
