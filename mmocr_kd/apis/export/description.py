"""What a reader has to know of a model: how images are shown to it, what its outputs mean."""
from __future__ import annotations

from typing import Any, Callable

from mmcv.transforms import BaseTransform, LoadAnnotations, LoadImageFromFile
from mmengine.config import Config
from mmocr.datasets.transforms import (
    FixInvalidPolygon,
    LoadImageFromNDArray,
    PackTextDetInputs,
    PackTextRecogInputs,
    PadToWidth,
    RescaleToHeight,
    Resize,
    ShortScaleAspectJitter,
)
from mmocr.models.textdet.postprocessors import (
    DBPostprocessor,
    PANPostprocessor,
    PSEPostprocessor,
)
from mmocr.models.textrecog.postprocessors import AttentionPostprocessor, CTCPostProcessor
from mmocr.registry import TRANSFORMS
from torch import nn

from ...datasets.transforms import PairedResize, SynthesizeLR, TextDegradation
from ...models.spotters import DetRecTextSpotter
from ...version import __version__
from ..image_data import pipeline_of_tests

LOADERS = (LoadImageFromFile, LoadImageFromNDArray)
# About labels, packing, or what tests make harder than it is.
SKIPPED = (LoadAnnotations, FixInvalidPolygon, PackTextDetInputs, PackTextRecogInputs,
           TextDegradation)
CAN_BE_EXPORTED = ('detectors: DBNet, PSENet, PANet; recognisers: CRNN, SVTR, PARSeq, MATRN, '
                   'ABINet, NRTR, SATRN and others that read by CTC or attention')


def describe(cfg: Config, model: nn.Module) -> dict[str, Any]:
    """Everything that :class:`~mmocr_kd.reader.OnnxFile` says about a model.

    Args:
        cfg: Whose tests show images to the model.
        model: A plain detector or recogniser.

    Raises:
        ValueError: If it is neither, or a step of the pipeline has no counterpart in the reader.
    """
    refuse_spotter(cfg, model)
    about: dict[str, Any] = {'version': 1, 'made_by': f'mmocr_kd {__version__}',
                             'model': type(model).__name__, 'image': _image(cfg, model)}
    rule = getattr(getattr(model, 'det_head', None), 'postprocessor', None)
    if rule is not None:
        return {**about, 'task': 'detection', 'postprocessor': _postprocessor(rule)}
    decoder = getattr(getattr(model, 'decoder', None), 'postprocessor', None)
    if decoder is not None:
        return {**about, 'task': 'recognition', 'decoder': _decoder(decoder)}
    raise ValueError(f'{cfg.filename}: a {type(model).__name__} cannot be exported as one graph. '
                     f'What can: {CAN_BE_EXPORTED}')


def refuse_spotter(cfg: Config, model: nn.Module) -> None:
    """Spotters are not one graph, and only those that read pixels are several.

    Args:
        cfg: Whose model it is.
        model: Any.

    Raises:
        ValueError: If it is a spotter; the message says what to do.
    """
    if isinstance(model, DetRecTextSpotter):
        raise ValueError(f'{cfg.filename}: a DetRecTextSpotter is no single graph: give a folder, '
                         '--out FOLDER, for those of its detector, recogniser and selector')
    if hasattr(model, 'rec_decoder') or hasattr(model, 'roi_head'):
        raise ValueError(
            f"{cfg.filename}: a {type(model).__name__} reads words in its detector's feature maps, "
            'cut out where it found them, which no graph of an image or of a word holds. Deploy '
            "the plain checkpoint, --out FILE.pth, with MMOCR's TextSpotInferencer; a "
            'DetRecTextSpotter, whose recogniser reads pixels, can be exported')


def steps_of(cfg: Config) -> list[BaseTransform]:
    """The transforms by which a config's tests show images, labels left out; loading first.

    Args:
        cfg: The config.

    Raises:
        ValueError: If there are none.
    """
    built = [TRANSFORMS.build(dict(step)) for step in pipeline_of_tests(cfg)]
    return [step for step in built if not isinstance(step, SKIPPED)]


def _image(cfg: Config, model: nn.Module) -> dict[str, Any]:
    show: Any = model.data_preprocessor
    load, *steps = steps_of(cfg)
    if not isinstance(load, LOADERS):
        raise ValueError(f'{cfg.filename}: the pipeline of the tests begins with '
                         f'{type(load).__name__}, expected LoadImageFromFile')
    grey = load.color_type.startswith('grayscale')
    mean, std = ([value.flatten().tolist() for value in (show.mean, show.std)]
                 if show._enable_normalize else (None, None))
    return {'channels': 'grey' if grey else 'rgb' if show._channel_conversion else 'bgr',
            'steps': [_step(step, cfg) for step in steps], 'mean': mean, 'std': std,
            'divisor': show.pad_size_divisor, 'pad_value': show.pad_value}


def _step(step: BaseTransform, cfg: Config) -> dict[str, Any]:
    for kind, say in _STEPS.items():
        if type(step) is kind:
            return say(step)
    raise ValueError(
        f'{cfg.filename}: the pipeline of the tests has a {type(step).__name__}, which the reader '
        f'cannot do. It can do {", ".join(kind.__name__ for kind in _STEPS)}: write the pipeline '
        'of the test_dataloader with these')


def _how(resize: Any) -> dict[str, str]:
    return {'backend': resize.backend, 'interpolation': resize.interpolation}


def _resize(step: Any) -> dict[str, Any]:
    if step.scale is None:
        raise ValueError(f'{step} has no scale=(width, height), the only way the reader resizes by')
    if step.keep_ratio:
        return {'step': 'fit', 'long_side': max(step.scale), 'short_side': min(step.scale),
                **_how(step)}
    return {'step': 'resize', 'width': step.scale[0], 'height': step.scale[1], **_how(step)}


def _paired_resize(step: Any) -> dict[str, Any]:
    width, height = step.lr_scale
    return {'step': 'resize', 'width': width, 'height': height, **_how(step)}


def _to_height(step: Any) -> dict[str, Any]:
    fields = ('height', 'min_width', 'max_width', 'width_divisor')
    return {'step': 'to_height', **{key: getattr(step, key) for key in fields}, **_how(step.resize)}


def _pad_width(step: Any) -> dict[str, Any]:
    value = step.pad.pad_val
    return {'step': 'pad_width', 'width': step.width,
            'value': value.get('img', 0) if isinstance(value, dict) else value}


def _short_edge(step: Any) -> dict[str, Any]:
    if {*step.ratio_range, *step.aspect_ratio_range} != {1.}:
        raise ValueError(f'{step}: a reader draws no sizes; give ratio_range=(1, 1) and '
                         'aspect_ratio_range=(1, 1)')
    return {'step': 'short_edge', 'size': step.short_size, 'divisor': step.scale_divisor,
            **_how(step.resize)}


def _shrink(step: Any) -> dict[str, Any]:
    low, high = step.scale
    if low != high:
        raise ValueError(f'SynthesizeLR(scale={step.scale}): a reader draws no sizes; give one')
    return {'step': 'shrink', 'factor': low, **_how(step)}


_STEPS: dict[type, Callable[[Any], dict[str, Any]]] = {
    Resize: _resize, PairedResize: _paired_resize, RescaleToHeight: _to_height,
    PadToWidth: _pad_width, ShortScaleAspectJitter: _short_edge, SynthesizeLR: _shrink}
_RULES: dict[type, tuple[str, tuple[str, ...]]] = {
    DBPostprocessor: ('db', ('mask_thr', 'min_text_score', 'min_text_width', 'unclip_ratio',
                             'epsilon_ratio', 'max_candidates')),
    PSEPostprocessor: ('pse', ('min_kernel_confidence', 'score_threshold', 'min_kernel_area',
                               'min_text_area', 'downsample_ratio')),
    PANPostprocessor: ('pan', ('min_text_confidence', 'min_kernel_confidence', 'score_threshold',
                               'distance_threshold', 'min_text_area', 'downsample_ratio'))}


def _postprocessor(rule: Any) -> dict[str, Any]:
    if type(rule) not in _RULES:
        raise ValueError(f'the reader cannot do what a {type(rule).__name__} does. What can be '
                         f'exported: {CAN_BE_EXPORTED}')
    kind, fields = _RULES[type(rule)]
    return {'kind': kind, 'text_repr_type': rule.text_repr_type,
            **{field: getattr(rule, field) for field in fields}}


def _decoder(decoder: Any) -> dict[str, Any]:
    kinds = {CTCPostProcessor: 'ctc', AttentionPostprocessor: 'attention'}
    if type(decoder) not in kinds:
        raise ValueError(f'the reader cannot do what a {type(decoder).__name__} does. What can be '
                         f'exported: {CAN_BE_EXPORTED}')
    known = decoder.dictionary
    return {'kind': kinds[type(decoder)], 'characters': list(known.dict),
            'blank': known.padding_idx, 'end': known.end_idx, 'unknown': known.unknown_idx,
            'ignored': list(decoder.ignore_indexes)}
