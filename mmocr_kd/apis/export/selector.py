"""DLD's selector as a graph of its own, beside its detector's."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from ...models.dld import DLDTextDetector
from ..deployment import deployed_config
from ..student import build_loaded, read_checkpoint, student_checkpoint
from .graph import Export, described, drawn_graph


def export_selector(cfg: Config, checkpoint: str | Path, detector: Export) -> Export:
    """Draw the graph of a DLD detector's selector.

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
        raise ValueError(f'{cfg.filename} has a {type(model).__name__}: --with-selector is for a '
                         'DLDTextDetector; of a spotter, --out FOLDER writes all graphs')
    return selector_graph(model, detector)


def selector_graph(model: Any, detector: Export) -> Export:
    """Draw the graph of a selector.

    It takes one image, normalised as the detector's are, of whole 32 pixels; scores of the scales
    come out. How to choose by them and to shrink stands in the file, as ``choice``.

    Args:
        model: A ``ScaleChoosingModel`` in eval mode, in which a selector chooses.
        detector: Its detector, exported.

    Raises:
        ImportError: Without onnx.
        ValueError: If nothing outside of PyTorch does what it asks for.
    """
    selector = model.selector
    about = {**{key: detector.about[key] for key in ('version', 'made_by', 'image')},
             'model': type(selector).__name__, 'task': 'selection',
             'choice': model.choice_rule()}
    axes = {'images': {2: 'height', 3: 'width'}}
    graph = drawn_graph(selector, (torch.zeros(1, 3, 32, 64), ), ['images'], 'scores', axes,
                        about)
    return Export(about, model, described(graph, about))
