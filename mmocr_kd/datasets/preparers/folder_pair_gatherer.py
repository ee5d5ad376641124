"""Pairs of image and annotation files, from one or several folders."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mmocr.datasets.preparers.gatherers.base import BaseGatherer
from mmocr.registry import DATA_GATHERERS


@DATA_GATHERERS.register_module()
class FolderPairGatherer(BaseGatherer):
    """Pair images with annotation files named after them, in sorted order.

    MMOCR's PairGatherer wants annotations in ``annotations/<split>``, takes one folder, and
    overlooks missing files; this one reads data sets as they are unpacked. Suffixes may be in
    upper or lower case.

    Args:
        folders: For each part of the data set its image folder and its annotation folder,
            relative to ``data_root``; they may be the same.
        ann_name: Name of the annotation file of an image: '{stem}' stands for the image's name
            without, '{name}' with its suffix.
        img_suffixes: Suffixes of images.
        **kwargs: ``split``, ``data_root`` and defaults that MMOCR's preparer sets.
    """

    def __init__(self,
                 folders: Sequence[Sequence[str]],
                 ann_name: str = '{stem}.gt',
                 img_suffixes: Sequence[str] = ('.jpg', '.jpeg', '.png'),
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folders = [(Path(self.data_root, images), Path(self.data_root, annotations))
                        for images, annotations in folders]
        self.ann_name = ann_name
        self.img_suffixes = tuple(suffix.lower() for suffix in img_suffixes)

    def __call__(self) -> tuple[list[str], list[str]]:
        """Find the pairs.

        Returns:
            Paths of the images, and of their annotations.

        Raises:
            FileNotFoundError: If a folder is missing or holds no image, an image has no
                annotation, or an annotation has no image.
            ValueError: If it cannot be told which of two files belongs to which ('a.jpg' and
                'a.png' beside 'a.gt').
        """
        pairs = [pair for folder in self.folders for pair in self._pairs(*folder)]
        return [str(image) for image, _ in pairs], [str(note) for _, note in pairs]

    def _pairs(self, images: Path, annotations: Path) -> list[tuple[Path, Path]]:
        for folder in (images, annotations):
            if not folder.is_dir():
                raise FileNotFoundError(f'{folder} is missing: unpack the data set so that it '
                                        'exists, see docs/data.md')
        found = [path for path in sorted(images.iterdir())
                 if path.suffix.lower() in self.img_suffixes]
        if not found:
            raise FileNotFoundError(f'{images} holds no image ({", ".join(self.img_suffixes)})')
        expected = _unambiguous((_key(self.ann_name.format(stem=path.stem, name=path.name)), path)
                                for path in found)
        suffix = Path(self.ann_name).suffix.lower()
        present = _unambiguous((_key(path.name), path) for path in sorted(annotations.iterdir())
                               if _key(path.name) in expected or path.suffix.lower() == suffix)
        _check_complete(images, annotations, expected, present)
        return [(path, present[key]) for key, path in expected.items()]


def _key(name: str) -> str:
    """Name of an annotation file by which its image finds it."""
    stem, dot, suffix = name.rpartition('.')
    return f'{stem}{dot}{suffix.lower()}'


def _unambiguous(files: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    by_key: dict[str, Path] = {}
    for key, path in files:
        if key in by_key:
            raise ValueError(f'{by_key[key]} and {path} both belong to the annotation {key!r}: '
                             'rename or remove one of them')
        by_key[key] = path
    return by_key


def _check_complete(images: Path, annotations: Path, expected: dict[str, Path],
                    present: dict[str, Path]) -> None:
    if missing := sorted(expected.keys() - present.keys()):
        raise FileNotFoundError(f'{len(missing)} images have no annotation, the first missing '
                                f'file is {annotations / missing[0]}')
    if alone := sorted(present.keys() - expected.keys()):
        raise FileNotFoundError(f'{len(alone)} annotations have no image in {images}, the first '
                                f'is {present[alone[0]]}')
