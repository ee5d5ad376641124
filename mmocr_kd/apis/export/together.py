"""Exported files that work together, beside the model that they make up."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Mapping, Sequence

import numpy as np
import torch
from mmengine.config import Config

from ...reader import Detector, OnnxFile, Reader, Recognizer, Selector, Text
from ...reader.resizing import prepare
from .check import Sides, alike, photos_of
from .graph import Export


@dataclass
class Together:
    """What reading photos with files and with their model showed.

    Attributes:
        source: Where the photos are from.
        scales: At which the detector saw each of them, in (0, 1].
        texts: How many are found, and read if there is a recogniser; both find and read the same.
        scores: Largest difference of the texts' scores, of detection and of reading.
    """

    source: str
    scales: list[float] = field(default_factory=list)
    texts: int = 0
    scores: float = 0.


@torch.no_grad()
def check_together(exports: Mapping[str, Export], model: Any, cfg: Config,
                   images: Sequence[str] = (), tolerance: float = 1e-3) -> Together:
    """Read photos with files, beside PyTorch.

    Args:
        exports: 'det', and 'det.selector' and 'rec' as far as there are such.
        model: The whole that predicts what they do: a spotter, a detector that chooses its scale.
        cfg: Whose tests show images to it.
        images: See :func:`.check_export`.
        tolerance: How much scores may differ.

    Raises:
        ValueError: If a photo gets another scale, others texts are found or read on it or in
            another order, or scores differ by more.
    """
    with TemporaryDirectory() as folder:
        reader = _reader(exports, Path(folder))
    assert reader.detector is not None
    sides = Sides(exports['det'], reader.detector.file, cfg)
    photos, source = photos_of('spotting', cfg, images)
    together = Together(source)
    for photo in photos:
        packed = {key: [value] for key, value in sides.packed(photo).items()}
        theirs = model.test_step(packed)[0]
        scale = reader.detector.scale(prepare(photo, exports['det'].about['image']))
        _note(together, theirs, reader.spot(photo), scale, tolerance)
    return together


def _reader(exports: Mapping[str, Export], folder: Path) -> Reader:
    files = {}
    for name, export in exports.items():
        export.save(folder / f'{name}.onnx')
        files[name] = OnnxFile(folder / f'{name}.onnx')
    selector = Selector(files['det.selector']) if 'det.selector' in files else None
    return Reader(Detector(files['det'], selector),
                  Recognizer(files['rec']) if 'rec' in files else None)


def _note(together: Together, theirs: Any, ours: list[Text], scale: float,
          tolerance: float) -> None:
    """Add what a photo shows; it may be that the files are refused."""
    found, their_scale = theirs.pred_instances, theirs.get('dld_scale', 1.)
    texts = found.get('texts', [None] * len(found))
    apart = _apart(found, ours) if len(found) == len(ours) else float('nan')
    if scale != their_scale or not apart <= tolerance or not all(
            alike(polygon, one.polygon) and text == one.text  # type: ignore[arg-type]
            for polygon, text, one in zip(found.polygons, texts, ours)):
        raise ValueError(
            f'nothing was written: at scale {scale:g} ONNX Runtime finds {len(ours)} texts, '
            f'PyTorch at {their_scale:g} {len(found)}, not all alike; {_first(texts, ours)}scores '
            f'differ by {apart:.1e}. Give --images as the model knows them, or deploy the plain '
            'checkpoint, --out FILE.pth')
    together.scales.append(scale)
    together.texts += len(ours)
    together.scores = max(together.scores, apart)


def _apart(found: Any, ours: list[Text]) -> float:
    """Largest difference of scores; 0 without any."""
    names = {'score': 'scores', **({'text_score': 'text_scores'} if 'text_scores' in found else {})}
    pairs = [(found.get(theirs).tolist(), [getattr(text, mine) for text in ours])
             for mine, theirs in names.items()]
    return float(np.abs(np.subtract(*np.array(pairs).swapaxes(0, 1))).max(initial=0))


def _first(texts: Sequence[Any], ours: list[Text]) -> str:
    """The first text that is read otherwise."""
    return next((f'{text!r} is read as {one.text!r}; ' for text, one in zip(texts, ours)
                 if text != one.text), '')
