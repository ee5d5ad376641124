"""A spotter as graphs: its detector, its recogniser, and what chooses its scale."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

from mmengine.config import Config

from ...models.spotters import DetRecTextSpotter
from ...reader.onnx_file import VERSION
from ..deployment import predicting_model
from ..distillation import student_config
from ..student import build_loaded, read_checkpoint, student_checkpoint
from .check import Check, export_checked
from .description import CAN_BE_EXPORTED, refuse_spotter
from .graph import Export
from .selector import selector_graph


def whole_spotter(cfg: Config, checkpoint: str | Path) -> Any:
    """A spotter as it predicts, in eval mode: a ``DetRecTextSpotter``, or DLD's around one.

    Args:
        cfg: The training's config, or the student's.
        checkpoint: The training's, or a plain one.

    Raises:
        ValueError: If it is none that can be exported, or the checkpoint does not fit.
    """
    model = predicting_model(cfg.model)
    state = student_checkpoint(read_checkpoint(checkpoint), bool(model.get('selector')))
    built: Any = build_loaded(cfg, model, state['state_dict'], checkpoint).eval()
    spotter = getattr(built, 'student', built)
    if isinstance(spotter, DetRecTextSpotter) and hasattr(spotter.detector, 'det_head'):
        return built
    if isinstance(spotter, DetRecTextSpotter):
        raise ValueError(f"{cfg.filename}: the spotter's {type(spotter.detector).__name__} cannot "
                         f'be exported. What can: {CAN_BE_EXPORTED}')
    refuse_spotter(cfg, spotter)
    raise ValueError(f'{cfg.filename}: a {type(spotter).__name__} is no spotter, and a folder is '
                     'for the graphs of one: give a file, --out FILE.onnx')


def export_spotter(cfg: Config, checkpoint: str | Path, whole: Any, images: Sequence[str],
                   tolerance: float) -> tuple[dict[str, Export], dict[str, Check]]:
    """Draw a spotter's graphs, and check its parts.

    Detector and recogniser are exported like those that stand alone. What the spotter does besides
    stands in their files: ``shrink`` of a detector that sees all photos at one scale, and ``cut``
    of the recogniser.

    Args:
        cfg: See :func:`whole_spotter`.
        checkpoint: See there.
        whole: From there.
        images: Photos, see :func:`.check_export`.
        tolerance: See :meth:`.Check.passed`.

    Returns:
        'det', 'rec' and, if it chooses its scale, 'det.selector'; checks of the first two, which
        need not have passed. See :func:`.check_together` for the whole.

    Raises:
        ImportError, OSError, ValueError: See :func:`.export_checked`, :func:`.selector_graph`.
    """
    plain, spotter = student_config(cfg.model), getattr(whole, 'student', whole)
    fixed = whole.fixed_rule() if whole is not spotter else None
    files, checks = {}, {}
    for name, part, part_cfg, shown in (
            ('det', 'detector.', _detector(cfg, plain, whole), images),
            ('rec', 'recognizer.', _recognizer(cfg, plain, spotter), ())):
        files[name], checks[name] = export_checked(part_cfg, checkpoint, shown, tolerance,
                                                   part=part)
    if fixed is not None:
        files['det'] = files['det'].saying(version=VERSION, shrink=fixed)
    elif whole is not spotter:
        files['det.selector'] = selector_graph(whole, files['det'])
    files['rec'] = files['rec'].saying(version=VERSION, cut=spotter.cut_rule())
    return files, checks


def _detector(cfg: Config, plain: dict[str, Any], whole: Any) -> Config:
    """A config of the detector alone, which is shown images as the spotter shows them."""
    divisor = getattr(whole.data_preprocessor, 'pad_size_divisor', 1)
    return _alone(cfg, plain['detector'], 'TextDetDataPreprocessor', divisor)


def _recognizer(cfg: Config, plain: dict[str, Any], spotter: Any) -> Config:
    """Likewise of the recogniser; images that are words are stretched to the size of its crops."""
    height, width = spotter.cut.size
    color_type = plain.get('color_type', 'color')
    alone = _alone(cfg, plain['recognizer'], 'TextRecogDataPreprocessor', 1)
    alone.test_dataloader = dict(dataset=dict(pipeline=[
        dict(type='LoadImageFromFile', color_type=color_type),
        dict(type='Resize', scale=(width, height), keep_ratio=False, backend='pillow',
             interpolation='bilinear')]))
    return alone


def _alone(cfg: Config, model: dict[str, Any], preprocessor: str, divisor: int) -> Config:
    shown = {'type': preprocessor, **(model.get('data_preprocessor') or {}),
             'pad_size_divisor': divisor}
    return Config({**cfg.to_dict(), 'model': {**model, 'data_preprocessor': shown}},
                  filename=cfg.filename)
