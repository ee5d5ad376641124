"""DLD's selector as a graph of its own, beside its detector's."""
from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Sequence

import torch
from mmengine.config import Config

from ...models.dld import DLDTextDetector
from ...reader import OnnxFile
from ...reader.detection import Detector
from ...reader.resizing import prepare
from ...reader.selection import Selector
from ..deployment import deployed_config
from ..student import build_loaded, read_checkpoint, student_checkpoint
from .check import Sides, alike, photos_of
from .graph import Export, described, drawn_graph


def export_selector(cfg: Config, checkpoint: str | Path, detector: Export) -> Export:
    """Draw the graph of a DLD detector's selector.

    It takes one image, normalised as the detector's are, of whole 32 pixels; scores of the scales
    come out. How to choose by them and to shrink stands in the file, as ``choice``.

    Args:
        cfg: The training's config.
        checkpoint: The training's, with the selector.
        detector: The same model's detector, exported.

    Raises:
        ImportError: Without onnx.
        ValueError: If there is no selector, or nothing outside of PyTorch does what it asks for.
    """
    state = student_checkpoint(read_checkpoint(checkpoint), keep_selector=True)['state_dict']
    if not any(key.startswith('selector.') for key in state):
        raise ValueError(f'{checkpoint} has no selector: drop --with-selector')
    model: Any = build_loaded(cfg, deployed_config(cfg, with_selector=True).model, state,
                              checkpoint).eval()
    if not isinstance(model, DLDTextDetector):
        raise ValueError(f'{cfg.filename} has a {type(model).__name__}: only the selector of a '
                         'DLDTextDetector can be exported to ONNX; deploy the plain checkpoint '
                         'instead, --out FILE.pth --with-selector')
    selector: Any = model.selector
    about = {**{key: detector.about[key] for key in ('version', 'made_by', 'image')},
             'model': type(selector).__name__, 'task': 'selection',
             'choice': model.choice_rule()}
    axes = {'images': {2: 'height', 3: 'width'}}
    graph = drawn_graph(selector, (torch.zeros(1, 3, 32, 64), ), ['images'], 'scores', axes,
                        about)
    return Export(about, model, described(graph, about))


@torch.no_grad()
def check_choices(selector: Export, detector: Export, cfg: Config,
                  images: Sequence[str] = ()) -> tuple[list[float], int]:
    """Find text on photos with both files, beside PyTorch.

    Args:
        selector: From :func:`export_selector`.
        detector: See there.
        cfg: Whose tests show images.
        images: See :func:`.check_export`.

    Returns:
        The scale of each photo, and how many texts there are.

    Raises:
        ValueError: If a photo gets another scale, or others texts are found on it.
    """
    with TemporaryDirectory() as folder:
        files = []
        for name, export in (('det', detector), ('selector', selector)):
            export.save(Path(folder) / f'{name}.onnx')
            files.append(OnnxFile(str(Path(folder) / f'{name}.onnx')))
    chooser = Selector(files[1])
    reader, sides = Detector(files[0], chooser), Sides(detector, files[0], cfg)
    scales, texts = [], 0
    for photo in photos_of('detection', cfg, images)[0]:
        packed = {key: [value] for key, value in sides.packed(photo).items()}
        theirs = selector.model.test_step(packed)[0]  # type: ignore[operator]
        scales.append(chooser.choose(prepare(photo, detector.about['image'])))
        ours, _ = reader(photo)
        polygons = theirs.pred_instances.polygons
        if scales[-1] != theirs.dld_scale or len(ours) != len(polygons) or not all(
                map(alike, polygons, ours)):
            raise ValueError(
                f'nothing was written: at scale {scales[-1]} ONNX Runtime finds {len(ours)} texts, '
                f'PyTorch at {theirs.dld_scale} {len(polygons)}, not all alike. Give --images as '
                'the model knows them, or deploy the plain checkpoint, --out FILE.pth')
        texts += len(ours)
    return scales, texts
