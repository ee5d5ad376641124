"""One page about a training: its curves, its costs, and what student and teacher see."""
from __future__ import annotations

import base64
import statistics
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Sequence

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmocr.models.textdet.heads import DBHead
from mmocr.registry import DATASETS
from mmocr.structures import TextDetDataSample
from torch import Tensor, nn

from .. import __version__
from ..losses import binary_entropy
from ..measure.curves import Curves, read_curves
from ..measure.curves_plot import draw_curves
from .distillation import find_distillation
from .read_config import read_config
from .student import load_student
from .viewer import TextMaps, Viewer, annotated, heat, load_item, outlined, photo_of

_WIDTH, _LINE = 480, 2  # of a panel and of the lines in it, in pixels
Progress = Callable[[Sequence[int]], Iterable[int]]
PROBABILITY, ENTROPY = cv2.COLORMAP_VIRIDIS, cv2.COLORMAP_INFERNO


@dataclass(frozen=True)
class Shown:
    """Which photos a report shows.

    Args:
        num: How many, those on which student and teacher disagree most; 0 for none.
        looked_at: How many to choose from, the first ones.
        split: 'val' or 'test'.
        min_score: Boxes that were found with a lower confidence are not drawn, nor counted.
        device: Where models run.
    """

    num: int = 8
    looked_at: int = 40
    split: str = 'val'
    min_score: float = 0.5
    device: str = 'cpu'


@dataclass
class Training:
    """The folder of a training.

    Args:
        folder: MMEngine's ``work_dir``.
        config: What it was trained with.
        checkpoint: The last one.
        curves: What it logged.
    """

    folder: Path
    config: Config
    checkpoint: Path
    curves: Curves


def read_training(work_dir: str | Path, config: str | None = None,
                  checkpoint: str | None = None) -> Training:
    """Find the parts of a training.

    Args:
        work_dir: MMEngine's ``work_dir``.
        config: Instead of the copy that MMEngine left there.
        checkpoint: Instead of the last one.

    Raises:
        FileNotFoundError: If a part is missing.
    """
    folder = Path(work_dir)
    curves = read_curves(folder)
    copies = sorted(folder.glob('*/vis_data/config.py'))
    if not (config or copies):
        raise FileNotFoundError(f'{str(folder)!r} has no */vis_data/config.py: give --config')
    return Training(folder, read_config(config or copies[-1]), _last_checkpoint(folder, checkpoint),
                    curves)


def _last_checkpoint(folder: Path, given: str | None) -> Path:
    note = folder / 'last_checkpoint'
    found = Path(given) if given else folder / Path(note.read_text().strip()).name \
        if note.exists() else None  # by its name: folders are moved
    if found is None or not found.exists():
        raise FileNotFoundError(f'{str(found or note)!r} is missing: give --checkpoint')
    return found


def write_report(out: str | Path, training: Training, plain: Training | None = None,
                 shown: Shown = Shown(), progress: Progress = iter) -> None:
    """Write the page, one file that needs no other.

    Args:
        out: HTML file to write.
        training: Of a student, distilled or not.
        plain: Of the same student without a teacher, to be shown beside it.
        shown: Which photos.
        progress: Shows how far it is: indices in, indices out.

    Raises:
        ImportError: If there is no Matplotlib.
        FileNotFoundError, ValueError, RuntimeError: If data or models are missing, or do not fit.
    """
    from jinja2 import Environment
    content = dict(
        title=f'Report: {"/".join(training.folder.resolve().parts[-2:])}',
        facts=list(_facts(training, plain)), shown=shown, columns=3 + bool(plain),
        scores=_scores(training, plain), costs=_costs(training, plain),
        curves=draw_curves(training.curves, plain.curves if plain else None),
        **(_photos(training, plain, shown, progress) if shown.num else {}))
    template = resources.files(__package__).joinpath('report.html').read_text(encoding='utf-8')
    page = Environment(autoescape=True).from_string(template).render(content)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    Path(out).write_text(page, encoding='utf-8')


def _facts(training: Training, plain: Training | None) -> Iterator[tuple[str, str]]:
    yield 'config', str(training.config.filename)
    yield 'checkpoint', str(training.checkpoint)
    if plain:
        yield 'plain student', str(plain.checkpoint)
    yield 'training steps', str(max(training.curves.seconds or {0: 0}))
    yield 'written by', f'mmocr_kd {__version__}'


def _scores(training: Training, plain: Training | None) -> dict[str, Any]:
    runs = {'plain': plain, 'distilled': training} if plain else {'this training': training}
    last = [{name: curve[max(curve)] for name, curve in run.curves.scores.items()}
            for run in runs.values()]
    names = list(dict.fromkeys(name for scores in last for name in scores))
    return dict(runs=list(runs), rows=[
        (name, [f'{scores[name]:.4f}' if name in scores else '' for scores in last])
        for name in names]) if names else {}


def _costs(training: Training, plain: Training | None) -> dict[str, Any]:
    rows = []
    for name, run in (('plain', plain), ('distilled', training)):
        if run:
            model = load_student(run.config, run.checkpoint)
            number = sum(parameter.numel() for parameter in model.parameters())
            step = statistics.median(run.curves.seconds.values()) if run.curves.seconds else 0
            rows.append((name, [f'{number / 1e6:.2f} M', f'{step:.2f} s',
                                f'{run.curves.train_seconds() / 60:.1f} min']))
    return dict(heads=['parameters of the student', 'a step of training', 'all steps'], rows=rows)


# --- photos -------------------------------------------------------------------------------------


def _photos(training: Training, plain: Training | None, shown: Shown,
            progress: Progress) -> dict[str, Any]:
    try:
        find_distillation(training.config)
    except ValueError:
        return dict(no_photos='No photos: the config has no distillation of a text detector.')
    viewer = Viewer(training.config, training.checkpoint, shown.device)
    beside = TextMaps(load_student(plain.config, plain.checkpoint), shown.device) if plain else None
    init_default_scope(training.config.get('default_scope', 'mmocr'))
    dataset = DATASETS.build(training.config[f'{shown.split}_dataloader'].dataset)
    indices = range(min(shown.looked_at, len(dataset)))
    doubts = [(_difference(viewer, load_item(dataset, index)), index)
              for index in progress(indices)]
    photos = [dict(name=dataset.get_data_info(index)['img_path'], difference=difference,
                   panels=[_panel(*one) for one in panels(viewer, beside, load_item(dataset, index),
                                                           shown.min_score)])
              for difference, index in sorted(doubts, reverse=True)[:shown.num]]
    return dict(photos=photos, looked_at=len(indices), legends=[
        _legend('probability of text', PROBABILITY), _legend('entropy', ENTROPY)])


def _difference(viewer: Viewer, item: dict[str, Any]) -> float:
    teacher, student, _ = viewer.look(item)
    return float((teacher.sigmoid() - student.sigmoid()).abs().mean())


def panels(viewer: Viewer, plain: TextMaps | None, item: dict[str, Any],
           min_score: float) -> Iterator[tuple[str, np.ndarray]]:
    """Boxes, probabilities and entropies, a row each: plain student, student, teacher, mask.

    Args:
        viewer: Student and teacher.
        plain: The same student without a teacher; None: a column less.
        item: See :func:`.load_item`.
        min_score: Of boxes.

    Yields:
        Title and picture, BGR, of each: 12 with the plain student, 9 without.
    """
    teacher, student, mask = viewer.look(item)
    maps = {**({'plain student': plain(item)} if plain else {}), 'student': student,
            'teacher': teacher}
    width = max(1, round(_LINE * item['inputs'].shape[-1] / _WIDTH))
    photo = photo_of(item)
    for name, logits in maps.items():
        boxes = find_boxes(viewer.student.model, logits, min_score)
        yield f'{name}: {len(boxes)} found', outlined(photo, boxes, width)
    yield 'ground truth', annotated(item, width)
    for name, logits in maps.items():
        yield f'{name}: probability', heat(logits.sigmoid(), PROBABILITY)
    yield 'mask of the loss', heat(mask, cv2.COLORMAP_BONE)
    for name, logits in maps.items():
        yield f'{name}: entropy', heat(binary_entropy(logits), ENTROPY)
    yield ('teacher minus student, absolute',
           heat((teacher.sigmoid() - student.sigmoid()).abs(), PROBABILITY))


def find_boxes(student: nn.Module, logits: Tensor, min_score: float) -> list[np.ndarray]:
    """Polygons in a map of text, as the student's own postprocessor finds them.

    Args:
        student: A detector; only DBNet's postprocessors know such maps.
        logits: Shape (h, w).
        min_score: Of a box.

    Returns:
        Corners x, y, ... in pixels of the map; nothing for other detectors.
    """
    head = getattr(student, 'det_head', None)
    if not isinstance(head, DBHead):
        return []
    found = head.postprocessor.get_text_instances(
        logits.sigmoid(), TextDetDataSample()).pred_instances
    return [np.asarray(polygon) for polygon, score in zip(found.polygons, found.scores.tolist())
            if score >= min_score]


def _panel(name: str, image: np.ndarray) -> dict[str, str]:
    return dict(name=name, image=_embedded(image))


def _legend(name: str, colours: int) -> dict[str, str]:
    return dict(name=name, low='0', high='1',
                image=_embedded(heat(torch.linspace(0, 1, 256)[None].expand(8, -1), colours)))


def _embedded(image: np.ndarray) -> str:
    ratio = min(1., _WIDTH / image.shape[1])
    small = cv2.resize(image, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)
    data = cv2.imencode('.jpg', small, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return f'data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}'
