"""``mmocr-kd bench``: models side by side on your photos."""
from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

import click

from .progress import with_progress
from .verb import Verb

if TYPE_CHECKING:  # "--help" should not wait for it
    from ..apis.bench import Row


@click.command(cls=Verb, examples=[
    'mmocr-kd bench work/det.onnx work/det8.onnx rapidocr --images photos/',
    'mmocr-kd bench work/rec.onnx my_config.py:epoch_10.pth --images words/ --labels labels.json'])
@click.argument('models', nargs=-1, required=True)
@click.option('--images', multiple=True, required=True, metavar='PATH', help='Photos (of words for '
              'recognisers), a folder or a pattern; may be repeated.')
@click.option('--labels', metavar='FILE', help='What is on them, of any kind that "mmocr-kd '
              'convert-labels" reads. Without it the first model is what others are compared with.')
@click.option('--num', default=20, show_default=True, type=click.IntRange(1),
              help='How many photos to look at, the first ones.')
@click.option('--rounds', default=3, show_default=True, type=click.IntRange(1),
              help='How often, besides a first time that does not count.')
@click.option('--threads', default=1, show_default=True, type=click.IntRange(1),
              help='That each model may use.')
@click.option('--csv', metavar='FILE', help='Also write the numbers there.')
@click.option('--plot', metavar='FILE', help='Also draw score over latency.')
def bench(models: tuple[str, ...], images: tuple[str, ...], labels: str | None, num: int,
          rounds: int, threads: int, csv: str | None, plot: str | None) -> None:
    """Measure latency, memory, size and score of MODELS on the same photos.

    Each model is FILE.onnx, what "mmocr-kd export" or "quantize" wrote; openvino:FILE.onnx, the
    same in OpenVINO; CONFIG:CHECKPOINT, the student of a config in PyTorch;
    compile:CONFIG:CHECKPOINT, compiled; or rapidocr, PP-OCR as that package runs it.
    """
    from ..apis import bench as measure
    from ..apis.convert_labels import labels_of
    from ..reader.photos import find
    photos = list(find(images))
    known = labels_of(labels, photos) if labels else None
    photos = ([photo for photo in photos if photo in known] if known else photos)[:num]
    truth = [known[photo] for photo in photos] if known else None
    steps = measure.bench(models, photos, threads, rounds, truth)
    *_, rows = with_progress(steps, len(photos) * (rounds + 1) + 1, 'photos')
    assert rows is not None
    if csv:
        measure.write_csv(rows, csv)
    if plot:
        measure.draw(rows, plot, _score(rows, labels))
    click.echo(_table(rows, len(photos), labels))


def _score(rows: Sequence[Row], labels: str | None) -> str:
    return 'score' if labels else f'agreement with {rows[0].model}'


def _table(rows: Sequence[Row], photos: int, labels: str | None) -> str:
    from ..apis.bench import short_names
    names = short_names(rows)
    width = max(map(len, names))
    score = _score(rows, labels)
    lines = [f'{photos} photos, {rows[0].threads} thread(s)',
             f'{"":{width}}  p50 ms  p95 ms  file MB  memory MB  {score}']
    lines += [f'{name:{width}}  {row.p50_ms:6.1f}  {row.p95_ms:6.1f}  {row.megabytes:7.2f}  '
              f'{row.memory_mb:9.0f}  {row.score:.3f}' for row, name in zip(rows, names)]
    return '\n'.join(lines)
