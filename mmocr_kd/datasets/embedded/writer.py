"""Write embedded data to disk as MMOCR lays data sets out, for tools that want files."""
from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from mmengine.utils import ProgressBar

from .arrays import Image
from .datasets import (
    EmbeddedDataset,
    EmbeddedTextDetDataset,
    EmbeddedTextRecogDataset,
    EmbeddedTextSpottingDataset,
)
from .scene import render_scene, render_words
from .spec import SceneSpec

TASKS: dict[str, type[EmbeddedDataset]] = dict(
    textdet=EmbeddedTextDetDataset,
    textrecog=EmbeddedTextRecogDataset,
    textspotting=EmbeddedTextSpottingDataset)


def write_split(root: str | os.PathLike[str],
                spec: SceneSpec,
                num_images: int,
                tasks: Iterable[str] = tuple(TASKS),
                workers: int = 1) -> list[Path]:
    """Write one split: PNG images first, then per task a JSON file that lists them.

    Images go to ``textdet_imgs/<split>`` (detection and spotting) and ``textrecog_imgs/<split>``,
    annotations to ``<task>_<split>.json``. A call that was interrupted goes on where it stopped.

    Args:
        root: Folder to write to; made when missing.
        spec: What to write.
        num_images: How many scenes, > 0.
        tasks: Any of 'textdet', 'textrecog', 'textspotting'.
        workers: Number of processes, >= 1; the files do not depend on it.

    Returns:
        The JSON files.

    Raises:
        FileExistsError: If ``root`` already holds this split with other fields, or annotations
            of another data set.
        ImportError: If a wheel that ships fonts or photos is not installed.
        ValueError: If a task is unknown or a number is out of range.
    """
    tasks = _checked_tasks(tasks)
    if workers < 1:
        raise ValueError(f'workers={workers} must be at least 1')
    # Planning every image first also checks the fields before anything is written.
    data = {task: TASKS[task](num_images=num_images, **_fields(spec)) for task in tasks}
    folder = Path(root)
    _claim(folder, spec, tasks)
    _write_images(folder, spec, num_images, tasks, workers)
    return [_write_json(folder, task, spec, data[task]) for task in tasks]


def _checked_tasks(tasks: Iterable[str]) -> list[str]:
    tasks = list(dict.fromkeys(tasks))
    for task in tasks:
        if task not in TASKS:
            raise ValueError(f'task {task!r} is unknown: use some of {tuple(TASKS)}')
    return tasks


def _fields(spec: SceneSpec) -> dict[str, Any]:
    return dict(asdict(spec), serialize_data=False)


def _claim(folder: Path, spec: SceneSpec, tasks: list[str]) -> None:
    """Note what the folder holds, so that two data sets never mix, or one replaces the other."""
    note = folder / f'embedded_{spec.split}.txt'
    others = [path for task in tasks if (path := folder / f'{task}_{spec.split}.json').exists()]
    if others and not note.exists():
        raise FileExistsError(f'{others[0]} exists, and no {note.name} says that it is an embedded '
                              'data set: choose another folder')
    if note.exists() and note.read_text().strip() != spec.name:
        raise FileExistsError(f'{folder} holds {note.read_text().strip()!r}, not {spec.name!r}: '
                              f'choose another folder, or delete what is in it')
    folder.mkdir(parents=True, exist_ok=True)
    with _atomic(note) as path:
        path.write_text(spec.name + '\n')


def _write_images(folder: Path, spec: SceneSpec, num_images: int, tasks: list[str],
                  workers: int) -> None:
    job = partial(_write_scene, folder, spec, tasks)
    for kind in ('textdet', 'textrecog'):
        (folder / f'{kind}_imgs' / spec.split).mkdir(parents=True, exist_ok=True)
    progress = ProgressBar(num_images)
    for _ in _map(job, range(num_images), workers):
        progress.update()
    print()


def _map(job: partial[None], items: range, workers: int) -> Iterator[None]:
    if workers == 1:
        yield from map(job, items)
    else:
        # Spawned, not forked: OpenCV's threads do not survive a fork.
        with multiprocessing.get_context('spawn').Pool(workers) as pool:
            yield from pool.imap_unordered(job, items, chunksize=4)


def _write_scene(folder: Path, spec: SceneSpec, tasks: list[str], index: int) -> None:
    if 'textdet' in tasks or 'textspotting' in tasks:
        path = folder / f'textdet_imgs/{spec.split}/{index:06d}.png'
        if not path.exists():
            _write_png(path, render_scene(spec, index).image)
    if 'textrecog' in tasks:
        for number, crop in enumerate(render_words(spec, index)):
            path = folder / f'textrecog_imgs/{spec.split}/{index:06d}_{number:02d}.png'
            if not path.exists():
                _write_png(path, crop)


def _write_png(path: Path, image: Image) -> None:
    with _atomic(path) as part:
        part.write_bytes(cv2.imencode('.png', image)[1].tobytes())


def _write_json(folder: Path, task: str, spec: SceneSpec, data: EmbeddedDataset) -> Path:
    kind = 'textrecog' if task == 'textrecog' else 'textdet'
    samples = []
    for sample in data.data_list:
        name = Path(sample['img_path']).with_suffix('.png').name
        samples.append(dict(sample, img_path=f'{kind}_imgs/{spec.split}/{name}'))
    path = folder / f'{task}_{spec.split}.json'
    with _atomic(path) as part:
        part.write_text(json.dumps(dict(metainfo=data.metainfo, data_list=samples)))
    return path


@contextmanager
def _atomic(path: Path) -> Iterator[Path]:
    """A path to write to that becomes ``path`` at the end: a killed process leaves no half file."""
    part = path.with_name(f'{path.name}.{os.getpid()}.part')
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
