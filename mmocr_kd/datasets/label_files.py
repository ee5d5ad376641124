"""Files of labels that other tools write and read: PaddleOCR, COCO and Label Studio."""
from __future__ import annotations

import json
import math
import os
import re
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator
from urllib.parse import parse_qs, unquote, urlparse

import numpy as np
from mmocr.utils import poly2bbox

_IGNORED = '###', '*'  # transcriptions of text that nobody can read
# Label Studio stores an upload under its name behind eight digits.
_UPLOADED = re.compile(r'^[0-9a-f]{8}-')
_STUDIO_IGNORED = 'Ignored'  # label of a region there


@dataclass
class Text:
    """A text on a photo.

    Args:
        polygon: Corners x, y, ... in pixels, at least three.
        text: What it says, None if nobody says.
        ignore: Whether it counts for neither losses nor metrics.
    """

    polygon: list[float]
    text: str | None = None
    ignore: bool = False


@dataclass
class LabelledPhoto:
    """A photo and the texts on it.

    Args:
        path: As the file names it, with '/'.
        size: Width and height in pixels; None where the file does not say.
        texts: In the file's order.
    """

    path: str
    size: tuple[int, int] | None = None
    texts: list[Text] = field(default_factory=list)


def read_labels(path: str, kind: str | None = None) -> list[LabelledPhoto]:
    """Read a file of labels.

    Args:
        path: Of the file.
        kind: One of :data:`KINDS`; by default found by what is in the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is of none of these kinds, or broken; names the place.
    """
    with open(path, encoding='utf-8-sig') as file:
        content = file.read()
    kind = kind or _kind_of(content, path)
    try:
        return _READERS[kind](content)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(f'{path!r} cannot be read as labels of {kind}: {error!r}') from error


def write_labels(photos: list[LabelledPhoto], kind: str) -> str:
    """The content of a file of labels.

    Args:
        photos: What to write.
        kind: One of :data:`KINDS`. PaddleOCR's knows no size; for Label Studio texts become
            predictions, which a person checks and corrects there.

    Raises:
        ValueError: If the size of a photo is needed and not known.
    """
    return _WRITERS[kind](photos)


def require_size(photo: LabelledPhoto) -> tuple[int, int]:
    """Width and height of a photo.

    Raises:
        ValueError: If they are not known.
    """
    if photo.size is None:
        raise ValueError(f'the size of {photo.path!r} is not in the file: give the folder of the '
                         'photos')
    return photo.size


def _kind_of(content: str, path: str) -> str:
    try:
        data = json.loads(content)
    except ValueError:
        first = content.lstrip().partition('\n')[0]
        if '\t' in first:
            return 'paddleocr'
        raise ValueError(f'{path!r} is neither JSON nor lines of "<photo><tab><JSON>": which of '
                         f'{", ".join(KINDS)} is it?') from None
    if isinstance(data, dict):
        for kind, key in (('mmocr', 'data_list'), ('coco', 'images')):
            if key in data:
                return kind
    elif all(isinstance(task, dict) and 'data' in task for task in data):
        return 'label-studio'
    raise ValueError(f'{path!r} is JSON of none of these kinds: {", ".join(KINDS)}')


# --- MMOCR --------------------------------------------------------------------------------------


def _read_mmocr(content: str) -> list[LabelledPhoto]:
    return [LabelledPhoto(
        photo['img_path'], (photo['width'], photo['height']) if 'width' in photo else None,
        [Text(_corners_of(one), one.get('text'), bool(one.get('ignore'))) for one in
         photo['instances']]) for photo in json.loads(content)['data_list']]


def _corners_of(instance: dict[str, Any]) -> list[float]:
    """None of words that are images by themselves."""
    if 'polygon' in instance or 'bbox' not in instance:
        return [float(value) for value in instance.get('polygon', [])]
    left, top, right, bottom = map(float, instance['bbox'])
    return [left, top, right, top, right, bottom, left, bottom]


def _write_mmocr(photos: list[LabelledPhoto]) -> str:
    entries = []
    for photo in photos:
        width, height = require_size(photo)
        instances = [dict(polygon=text.polygon, bbox=poly2bbox(text.polygon).tolist(), bbox_label=0,
                          ignore=text.ignore, **_texts(text)) for text in photo.texts]
        entries.append(dict(img_path=photo.path, height=height, width=width, instances=instances))
    return _json(dict(metainfo=dict(dataset_type='TextDetDataset', task_name='textdet',
                                    category=[dict(id=0, name='text')]), data_list=entries))


def _texts(text: Text) -> dict[str, str]:
    return {} if text.text is None else {'text': text.text}


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1)


# --- PaddleOCR ----------------------------------------------------------------------------------


def _read_paddleocr(content: str) -> list[LabelledPhoto]:
    photos = []
    for number, line in enumerate(content.split('\n'), 1):
        if line.strip():
            path, tab, texts = line.rstrip('\r').partition('\t')
            if not tab:
                raise ValueError(f'line {number}: expected "<photo><tab><JSON>", got {line[:80]!r}')
            photos.append(LabelledPhoto(path, None, [
                _paddle_text(text) for text in json.loads(texts)]))
    return photos


def _paddle_text(entry: dict[str, Any]) -> Text:
    says = entry.get('transcription')
    ignored = says in _IGNORED or bool(entry.get('difficult'))
    return Text(_flat(entry['points']), None if says in _IGNORED else says, ignored)


def _flat(points: Any) -> list[float]:
    return [float(value) for point in points for value in point]


def _write_paddleocr(photos: list[LabelledPhoto]) -> str:
    lines = [f'{photo.path}\t' + json.dumps([dict(
        transcription='###' if text.ignore and text.text is None else text.text or '',
        points=_pairs(text.polygon), difficult=text.ignore) for text in photo.texts],
        ensure_ascii=False) for photo in photos]
    return ''.join(line + '\n' for line in lines)


def _pairs(polygon: list[float]) -> list[list[float]]:
    return [[x, y] for x, y in zip(polygon[::2], polygon[1::2])]


# --- COCO ---------------------------------------------------------------------------------------


def _read_coco(content: str) -> list[LabelledPhoto]:
    data = json.loads(content)
    photos = {image['id']: LabelledPhoto(image['file_name'], (image['width'], image['height']))
              for image in data['images']}
    for number, annotation in enumerate(data['annotations']):
        photo = photos.get(annotation['image_id'])
        if photo is None:
            raise ValueError(f'annotation {number} is of image_id={annotation["image_id"]}, which '
                             'images lack')
        photo.texts.append(Text(_coco_polygon(annotation), _coco_text(annotation),
                                bool(annotation.get('iscrowd'))))
    return list(photos.values())


def _coco_polygon(annotation: dict[str, Any]) -> list[float]:
    """The first part of the outline; the box where there is none, or it is a mask."""
    outline = annotation.get('segmentation')
    if isinstance(outline, list) and outline and len(outline[0]) >= 6:
        return [float(value) for value in outline[0]]
    x, y, width, height = map(float, annotation['bbox'])
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def _coco_text(annotation: dict[str, Any]) -> str | None:
    """COCO has no field for it: CVAT writes attributes, COCO-Text utf8_string."""
    return (annotation.get('attributes') or {}).get('text', annotation.get('utf8_string'))


def _write_coco(photos: list[LabelledPhoto]) -> str:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, photo in enumerate(photos, 1):
        width, height = require_size(photo)
        images.append(dict(id=number, file_name=photo.path, width=width, height=height))
        for text in photo.texts:
            left, top, right, bottom = poly2bbox(text.polygon).tolist()
            annotations.append(dict(
                id=len(annotations) + 1, image_id=number, category_id=1, iscrowd=int(text.ignore),
                segmentation=[text.polygon], bbox=[left, top, right - left, bottom - top],
                area=_area(text.polygon), attributes=_texts(text)))
    return _json(dict(images=images, annotations=annotations,
                      categories=[dict(id=1, name='text')]))


def _area(polygon: list[float]) -> float:
    x, y = np.reshape(polygon, (-1, 2)).T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)


# --- Label Studio -------------------------------------------------------------------------------


def _read_label_studio(content: str) -> list[LabelledPhoto]:
    """What people said; where nobody did, the predictions."""
    photos = []
    for task in json.loads(content):
        said = [one for one in task.get('annotations') or [] if not one.get('was_cancelled')]
        results = (said or task.get('predictions') or [{}])[-1].get('result') or []
        sizes = [(one['original_width'], one['original_height']) for one in results
                 if 'original_width' in one]
        photos.append(LabelledPhoto(_studio_path(task['data']), sizes[0] if sizes else None,
                                    list(_studio_texts(results))))
    return photos


def _studio_path(data: dict[str, Any]) -> str:
    """Of '/data/upload/1/0a1b2c3d-a.jpg' 'a.jpg', of '/data/local-files/?d=b/a.jpg' 'b/a.jpg'."""
    for key in ('ocr', 'image', 'img'):
        if key in data:
            address = urlparse(str(data[key]))
            local = parse_qs(address.query).get('d')
            path = unquote(local[0] if local else address.path)
            return _UPLOADED.sub('', os.path.basename(path)) if '/upload/' in path else path
    raise ValueError(f'a task has data={sorted(data)}, and none of ocr, image, img')


def _studio_texts(results: list[dict[str, Any]]) -> Iterator[Text]:
    """Regions in percent of the photo; what they say stands in entries of the same id."""
    says = {one.get('id'): one['value']['text'] for one in results if 'text' in one['value']}
    for one in results:
        outline = _studio_outline(one)
        if outline:
            text = says.get(one.get('id'))
            marks = [mark for name, mark in one['value'].items() if name.endswith('labels')]
            yield Text(outline, ' '.join(text) if isinstance(text, list) else text,
                       [_STUDIO_IGNORED] in marks)


def _studio_outline(entry: dict[str, Any]) -> list[float]:
    value = entry['value']
    if 'text' in value:
        return []
    if 'points' in value:
        corners = np.array(value['points'], float)
    elif 'width' in value:
        corners = _turned(value, entry)
    else:
        return []
    return (corners * _percent(entry)).round(2).flatten().tolist()


def _percent(entry: dict[str, Any]) -> np.ndarray:
    return np.array([entry['original_width'], entry['original_height']]) / 100


def _turned(value: dict[str, Any], entry: dict[str, Any]) -> np.ndarray:
    """Corners of a rectangle that is turned clockwise around its top left, in percent."""
    angle, percent = math.radians(value.get('rotation', 0)), _percent(entry)
    along = np.array([math.cos(angle), math.sin(angle)]) * value['width'] * percent[0]
    down = np.array([-math.sin(angle), math.cos(angle)]) * value['height'] * percent[1]
    begin = np.array([value['x'], value['y']])
    return np.array([begin, begin + along / percent, begin + (along + down) / percent,
                     begin + down / percent])


def _write_label_studio(photos: list[LabelledPhoto]) -> str:
    """Tasks to import, with predictions; the labelling config has an <Image name="image">."""
    return _json([dict(data=dict(image=photo.path), predictions=[dict(
        model_version='mmocr_kd', result=[entry for number, text in enumerate(photo.texts)
                                          for entry in _studio_entries(photo, text, number)])])
                  for photo in photos])


def _studio_entries(photo: LabelledPhoto, text: Text, number: int) -> Iterator[dict[str, Any]]:
    width, height = require_size(photo)
    points = np.reshape(text.polygon, (-1, 2)) / [width, height] * 100
    shared = dict(id=f'text{number}', to_name='image', original_width=width, original_height=height,
                  image_rotation=0)
    where, mark = points.round(4).tolist(), _STUDIO_IGNORED if text.ignore else 'Text'
    yield dict(shared, type='polygonlabels', from_name='label',
               value=dict(points=where, polygonlabels=[mark]))
    if text.text is not None:
        yield dict(shared, type='textarea', from_name='transcription',
                   value=dict(points=where, text=[text.text]))


_READERS: dict[str, Callable[[str], list[LabelledPhoto]]] = {
    'mmocr': _read_mmocr, 'paddleocr': _read_paddleocr, 'coco': _read_coco,
    'label-studio': _read_label_studio}
_WRITERS: dict[str, Callable[[list[LabelledPhoto]], str]] = {
    'mmocr': _write_mmocr, 'paddleocr': _write_paddleocr, 'coco': _write_coco,
    'label-studio': _write_label_studio}
KINDS = tuple(_READERS)
