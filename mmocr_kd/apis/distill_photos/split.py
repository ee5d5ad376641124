"""Which photos teach, which are held out, and what is written of them."""
from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Callable, Iterable

from ...datasets.unlabelled.unlabelled_datasets import read_boxes
from ...store import write_whole
from .photos import Photo

Instances = list[dict[str, Any]]
SHARE = 5  # every fifth photo is held out,
MOST = 200  # or so many
_OUTSIDE = 1.05  # boxes may end a little outside of their photo, not more
_METAINFO = {'dataset_type': 'TextDetDataset', 'task_name': 'textdet',
             'category': [{'id': 0, 'name': 'text'}]}


@dataclass(frozen=True)
class Split:
    """Names of photos.

    Args:
        train: With boxes to learn from: labels, or, where there are none, the teacher's.
        unlabelled: Beside labels: those on which the teacher alone sees text.
        held_out: To be tested on.
        without_text: On which there is none: not learnt from.
    """

    train: list[str]
    unlabelled: list[str]
    held_out: list[str]
    without_text: list[str]


def split(photos: list[str], seen: dict[str, Instances],
          labels: dict[str, Instances] | None) -> Split:
    """Hold every fifth photo out; which ones depends on their names alone.

    Args:
        photos: Names.
        seen: Name -> what the teacher sees.
        labels: Name -> what people see, of some photos; only these are held out. None: there are
            none, and the teacher's word counts.

    Raises:
        ValueError: If there is not one photo with text to learn from and one to hold out.
    """
    judged = seen if labels is None else labels
    known = [name for name in photos if name in judged]
    texts = [name for name in known if _has_text(judged[name])]
    bare = [name for name in known if not _has_text(judged[name])]
    if len(texts) < 2:
        raise ValueError(_too_few(len(photos), len(texts), labels is not None))
    held_out = held_out_of(texts) | set(_ranked(bare)[:len(bare) // SHARE])
    rest = [name for name in photos if name not in judged] if labels is not None else []
    unlabelled = [name for name in rest if _has_text(seen.get(name, []))]
    return Split([name for name in texts if name not in held_out], unlabelled,
                 [name for name in known if name in held_out],
                 [name for name in [*bare, *rest] if name not in {*held_out, *unlabelled}])


def held_out_of(names: Iterable[str]) -> set[str]:
    """A fifth of some photos, at least one, at most :data:`MOST`.

    Args:
        names: Of photos.
    """
    ranked = _ranked(names)
    return set(ranked[:max(1, min(MOST, len(ranked) // SHARE))])


def _ranked(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: blake2b(name.encode()).digest())


def _has_text(instances: Instances) -> bool:
    return not all(one.get('ignore') for one in instances)


def _too_few(photos: int, texts: int, labelled: bool) -> str:
    who = '--labels has' if labelled else 'the teacher sees'
    if photos == 1:
        return ('there is one photo; two are needed, one to learn from and one to hold out. Some '
                'hundred are a beginning: give a larger --images')
    todo = ("Label more of them, or leave --labels out: then the teacher's boxes are learnt"
            if labelled else 'Are these photos of text? If so, give another --teacher '
            '(docs/teachers.md), and another --out')
    return (f'{who} text on {texts or "none"} of {photos} photos; two are needed, one to learn '
            f'from and one to hold out. {todo}')


def read_labels(path: str, photos: list[Photo],
                say: Callable[[str], None]) -> dict[str, Instances]:
    """Labels of photos as they were gathered.

    Args:
        path: JSON file in MMOCR's format; ``img_path`` is relative to the folder of photos, and
            coordinates are pixels of the photo as viewers show it: upright.
        photos: All that were gathered.
        say: Is called with a line if there are labels of others, which are left out.

    Returns:
        Name -> instances, in pixels of the gathered photo.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is of another format, or about other photos.
    """
    found, known = read_boxes(path, '--labels'), {photo.name: photo for photo in photos}
    foreign = [name for name in found if name not in known]
    if len(foreign) == len(found):
        raise ValueError(f'--labels {path!r} is about other photos, such as {foreign[:3]}, than '
                         f'--images has, such as {list(known)[:3]}: img_path has to be relative to '
                         '--images')
    if foreign:
        say(f'--labels {path!r}: {len(foreign)} of its {len(found)} photos are not in --images, '
            f'such as {foreign[:3]}: they are left out')
    return {name: [_scaled(one, known[name], path) for one in instances]
            for name, instances in found.items() if name in known}


def _scaled(instance: dict[str, Any], photo: Photo, path: str) -> dict[str, Any]:
    corners = instance.get('polygon') or _corners(instance.get('bbox'))
    if not corners or len(corners) < 6 or len(corners) % 2:
        raise ValueError(f'--labels {path!r}: an instance of {photo.name!r} has no polygon of x, '
                         f'y, ... and no bbox: {instance}')
    xs, ys = ([value * photo.scale for value in corners[axis::2]] for axis in (0, 1))
    if max(xs) > photo.width * _OUTSIDE or max(ys) > photo.height * _OUTSIDE:
        size = (round(photo.width / photo.scale), round(photo.height / photo.scale))
        raise ValueError(
            f'--labels {path!r}: {corners} lies outside of {photo.name!r}, which is {size[0]} wide '
            f'and {size[1]} high as viewers show it (cameras write some photos sideways, and note '
            'how to turn them): label photos as they are shown')
    polygon = [round(value, 1) for corner in zip(xs, ys) for value in corner]
    return {'polygon': polygon, 'bbox': [min(xs), min(ys), max(xs), max(ys)], 'bbox_label': 0,
            'ignore': bool(instance.get('ignore', False)),
            **({'text': instance['text']} if isinstance(instance.get('text'), str) else {})}


def _corners(bbox: Any) -> list[float]:
    if not bbox or len(bbox) != 4:
        return []
    left, top, right, bottom = bbox
    return [left, top, right, top, right, bottom, left, bottom]


def write_part(path: Path, names: list[str], photos: list[Photo],
               instances: dict[str, Instances]) -> None:
    """Write a file in MMOCR's format of text detection.

    Args:
        path: Of the file.
        names: Of photos, in order.
        photos: All that were gathered.
        instances: Name -> what is on it.
    """
    known = {photo.name: photo for photo in photos}
    data = [{'img_path': name, 'height': known[name].height, 'width': known[name].width,
             'instances': instances.get(name, [])} for name in names]
    text = json.dumps({'metainfo': _METAINFO, 'data_list': data}, ensure_ascii=False)
    write_whole(path, text.encode())
