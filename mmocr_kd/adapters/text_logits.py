"""Where a text detector keeps the logits of its text probability map."""
from __future__ import annotations

from operator import itemgetter
from typing import Any

from mmocr.models.textdet.heads import DBHead, PANHead, PSEHead
from torch import Tensor, nn

from ..distill import RecordingError, Source, SourceLike


def text_logits(model: nn.Module) -> Source:
    """Find the text logits of an MMOCR detector.

    The source fires in every forward mode, so it serves students (which compute losses) and
    teachers (which do not).

    Args:
        model: A detector with a ``det_head``.

    Returns:
        Source of a tensor (N, h, w): for DBNet and DBNet++ the logits of the probability map at
        the size of the input; for PSENet and PANet the text channel of the head, at a quarter.

    Raises:
        RecordingError: If the model has no probability map known here.
    """
    head = getattr(model, 'det_head', None)
    if isinstance(head, DBHead):
        return Source('det_head.binarize', pick=_only_channel)
    if isinstance(head, (PSEHead, PANHead)):
        return Source('det_head', pick=_text_channel)
    found = f'{type(model).__name__} with det_head={type(head).__name__}'
    raise RecordingError(
        f"source='text_logits' found {found}, which has no text probability map: use a detector "
        'with DBHead, PSEHead or PANHead, or name the module to record, e.g. source="neck"')


def shared_features(model: nn.Module) -> Source:
    """Find the features on which the text logits and the detector's own loss both hang.

    Args:
        model: A detector with text logits.

    Returns:
        Source of a tensor (N, C, h, w): what DBNet's head looks at, for the kernels and for the
        thresholds; for PSENet and PANet, whose heads are a layer or two, all that the head puts
        out.
    """
    if isinstance(getattr(model, 'det_head', None), DBHead):
        return Source('det_head.binarize', io='input')
    return Source('det_head')


def build_source(source: str | dict[str, Any]) -> SourceLike:
    """Turn a config value into a source.

    Args:
        source: 'text_logits'; or a dotted module path such as 'neck'; or a dict with ``path``
            and optionally ``io`` ('output' | 'input') and ``index`` (item of a tuple).

    Raises:
        TypeError: If it is something else, or a dict with other keys.
        ValueError: If ``io`` is unknown.
    """
    if source == 'text_logits':
        return text_logits
    if isinstance(source, str):
        return Source(source)
    if not isinstance(source, dict) or not {'path'} <= set(source) <= {'path', 'io', 'index'}:
        raise TypeError(f"source={source!r} must be 'text_logits', a module path, or a dict of "
                        'path, io and index')
    index = source.get('index')
    pick = None if index is None else itemgetter(index)
    return Source(source['path'], source.get('io', 'output'), pick)


def _only_channel(logits: Tensor) -> Tensor:
    return logits.squeeze(1)


def _text_channel(logits: Tensor) -> Tensor:
    return logits[:, 0]
