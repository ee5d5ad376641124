"""``mmocr-kd read``: what stands on photos. Needs neither MMOCR nor PyTorch."""
from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Iterator, Sequence

import click

from .verb import Verb

if TYPE_CHECKING:  # "--help" should not wait for it
    import numpy as np

    from ..reader import Reader, Text


@click.command(
    cls=Verb, registers=False, examples=[
        'mmocr-kd read photo.jpg --det det.onnx --rec rec.onnx',
        'mmocr-kd read photos/ --model work/ --json > texts.jsonl',
        'mmocr-kd read - --rec rec.onnx < paths.txt'])
@click.argument('photos', nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option('--det', metavar='ONNX', help='Exported detector; without one, each photo is a word.')
@click.option('--rec', metavar='ONNX', help='Exported recogniser; without one, texts are found '
              'only.')
@click.option('--selector', metavar='ONNX', help='Of a DLD detector: chooses how small it may see '
              'each photo.')
@click.option('--model', metavar='FOLDER', help='Take det.onnx and rec.onnx of this folder, or '
              'the one that is there, and det.selector.onnx.')
@click.option('--json', 'as_json', is_flag=True, help='One JSON object a photo, a line each.')
@click.option('--draw', metavar='FOLDER', help='Also draw pictures.')
@click.option('--min-score', default=0., show_default=True,
              help='Leave out what the detector is less sure of, beyond its own threshold.')
@click.option('--batch', type=click.IntRange(min=1), default=32, show_default=True,
              help='Words that are read at a time.')
@click.option('--threads', type=click.IntRange(min=0), default=0, show_default=True,
              help='0: as many as there are cores.')
def read(photos: tuple[str, ...], det: str | None, rec: str | None, selector: str | None,
         model: str | None, as_json: bool, draw: str | None, min_score: float, batch: int,
         threads: int) -> None:
    """Read PHOTOS with models that "mmocr-kd export" wrote.

    PHOTOS are files, folders, patterns, or - for a list of paths on the standard input, one a
    line. Texts come in reading order; polygons are in pixels of the photo, turned upright as its
    EXIF data say. A photo that cannot be read is named on the standard error, the others are read
    all the same, and the exit code is 1.
    """
    if model:
        det, rec, selector = _of_folder(model, det, rec, selector)
    if not det and not rec:
        raise click.UsageError('give --det, --rec, or --model')
    if selector and not det:
        raise click.UsageError(f'--selector={selector!r} chooses for a detector: give --det')
    reader = _reader(det, rec, selector, min_score, batch, threads)
    failed = [path for path in _paths(photos) if not _read(reader, path, as_json, draw)]
    if failed:
        click.echo(f'{len(failed)} could not be read', err=True)
        sys.exit(1)


def _of_folder(folder: str, *given: str | None) -> list[str | None]:
    """Detector, recogniser and selector: those given, else those that are there."""
    paths = [os.path.join(folder, f'{name}.onnx') for name in ('det', 'rec', 'det.selector')]
    there = [path if os.path.isfile(path) else None for path in paths]
    if not any(there[:2]):
        raise click.UsageError(f'--model={folder!r} has neither det.onnx nor rec.onnx')
    if given[0] and given[0] != there[0]:
        there[2] = None  # it belongs to the other detector
    return [one or other for one, other in zip(given, there)]


def _reader(det: str | None, rec: str | None, selector: str | None, min_score: float, batch: int,
            threads: int) -> Reader:
    from ..reader import Detector, OnnxFile, Reader, Recognizer, Selector
    chooser = Selector(OnnxFile(selector, threads)) if selector else None
    return Reader(Detector(OnnxFile(det, threads), chooser) if det else None,
                  Recognizer(OnnxFile(rec, threads), batch) if rec else None, min_score)


def _paths(photos: Sequence[str]) -> Iterator[str]:
    from ..reader.photos import find
    for photo in photos:
        listed = (line.rstrip('\r\n') for line in sys.stdin) if photo == '-' else [photo]
        yield from find(path for path in listed if path)


def _read(reader: Reader, path: str, as_json: bool, draw: str | None) -> bool:
    """Read a photo and say what is on it; whether that could be done."""
    from ..reader import photos
    try:
        photo = photos.load(path)
        texts = reader(photo)
        if draw:
            photos.save_drawing(photos.draw(photo, texts), path, draw)
    except (ValueError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        click.echo(f'{path}: {reason}', err=True)
        return False
    click.echo(json.dumps(_entry(path, photo, texts), ensure_ascii=False) if as_json
               else _lines(path, texts))
    return True


def _entry(path: str, photo: np.ndarray, texts: Sequence[Text]) -> dict[str, Any]:
    return {'photo': path, 'width': photo.shape[1], 'height': photo.shape[0],
            'texts': [text.to_json() for text in texts]}


def _lines(path: str, texts: Sequence[Text]) -> str:
    if len(texts) == 1 and texts[0].polygon is None:
        return f'{path}: {texts[0].text}  ({texts[0].text_score:.2f})'
    return '\n'.join([f'{path}: {len(texts)} text{"s" * (len(texts) != 1)}', *map(_line, texts)])


def _line(text: Text) -> str:
    assert text.polygon is not None
    corners = ' '.join(f'{x:.0f},{y:.0f}' for x, y in text.polygon)
    said = [text.text] if text.text is not None else []
    sure = text.score if text.text_score is None else text.text_score
    return '  '.join(['', f'{sure:.2f}', *said, f'[{corners}]'])
