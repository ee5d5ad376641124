"""Writing a data set of words, or of pairs of them, as LMDB."""
from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import cv2
from mmengine.dataset import BaseDataset
from mmengine.utils import ProgressBar

from ..embedded.arrays import Image
from .lmdb_writer import LmdbWriter

# Prefix of the file's key -> results' key.
LAYOUTS = {'words': {'image': 'img'}, 'textzoom': {'image_lr': 'img', 'image_hr': 'hr_img'}}


def write_words(dataset: BaseDataset, path: str | os.PathLike[str], layout: str,
                settings: dict[str, Any]) -> Path:
    """Write what a data set yields; images as PNG, which loses nothing. Shows a progress bar.

    The file appears when it is whole. A call that was interrupted goes on where it stopped.

    Args:
        dataset: Yields ``img``, ``hr_img`` for pairs, and ``instances`` with one ``text``.
        path: Folder to make.
        layout: 'words' for :class:`CheckedRecogLMDBDataset`, 'textzoom' for
            :class:`TextZoomDataset`.
        settings: What fixes the data set; stored in the file, and a half-made file is only
            continued with the same.

    Returns:
        The file.

    Raises:
        FileExistsError: If the file is there already, or was begun with other settings.
        ValueError: If the layout is unknown.
    """
    if layout not in LAYOUTS:
        raise ValueError(f'layout={layout!r} is unknown: use one of {tuple(LAYOUTS)}')
    with LmdbWriter(path, dict(settings, layout=layout, num=len(dataset))) as writer:
        progress = ProgressBar(len(dataset), file=sys.stdout)
        progress.completed = writer.done  # of an earlier call
        for index in range(writer.done, len(dataset)):
            writer.add(_record(dataset[index], LAYOUTS[layout]))
            progress.update()
        print()
    return Path(path)


def _record(sample: dict[str, Any], layout: dict[str, str]) -> dict[str, bytes]:
    label = dict(label=sample['instances'][0]['text'].encode())
    return label | {prefix: _png(sample[name]) for prefix, name in layout.items()}


def _png(image: Image) -> bytes:
    return cv2.imencode('.png', image)[1].tobytes()
