"""Targets of text detectors that workers of the data loader made: how they travel in a batch.

A sample has ``det_targets``, an element with

- ``regions``: uint8 (H, W), a bit for each map that is either true or false (:data:`_BITS`);
- ``thresholds``: float32 (H, W), DB's threshold map;
- meta info: the fields of ``DBModuleLoss`` that they were made with.
"""
from __future__ import annotations

from typing import Any, Mapping, Sequence

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

DB_FIELDS = 'shrink_ratio', 'thr_min', 'thr_max', 'min_sidelength'
MASKS = tuple((kind, include_ignored) for kind in ('text', 'kernel')
              for include_ignored in (False, True))
_BITS: dict[Any, int] = {
    name: 1 << i for i, name in enumerate(['shrunk', 'counts', 'border', *MASKS])}


def pack_targets(db: Sequence[Tensor], masks: Mapping[tuple[str, bool], Tensor],
                 fields: Mapping[str, float]) -> BaseDataElement:
    """Put the maps of one image into as few bytes as keep each of them exact: five a pixel.

    Args:
        db: The four targets of ``DBModuleLoss.get_targets``, shape (1, H, W) each.
        masks: (kind, include_ignored) -> mask of :func:`.draw_text_mask`, shape (1, H, W).
        fields: Those of :data:`DB_FIELDS`.
    """
    shrunk, counts, thresholds, border = db
    maps: dict[Any, Tensor] = {'shrunk': shrunk, 'counts': counts, 'border': border, **masks}
    regions = torch.zeros(thresholds.shape[1:], dtype=torch.uint8)
    for name, where in maps.items():
        regions |= (where[0] > 0).byte() * _BITS[name]
    return BaseDataElement(metainfo=dict(fields), regions=regions, thresholds=thresholds[0])


def prepared_targets(data_samples: Sequence[Any],
                     fields: Mapping[str, float]) -> tuple[Tensor, ...] | None:
    """What ``DBModuleLoss.get_targets`` would give, on the device where the batch is.

    Args:
        data_samples: N samples.
        fields: Those of the loss.

    Returns:
        Four tensors of shape (N, H, W), float32; None if an image came without, or in another size.

    Raises:
        ValueError: If they were made with other fields.
    """
    sizes = [tuple(sample.get('img_shape', ())) for sample in data_samples]
    regions = _regions(data_samples, sizes)
    if regions is None:
        return None
    for sample in data_samples:
        made = {name: sample.det_targets.get(name) for name in fields}
        if made != fields:
            raise ValueError(f'DBTargets of the training pipeline has {made}, module_loss has '
                             f'{dict(fields)}: give both the same')
    shrunk, counts, border = (_where(regions, name).float()
                              for name in ('shrunk', 'counts', 'border'))
    thresholds = torch.stack([sample.det_targets.thresholds for sample in data_samples])
    return shrunk, counts, thresholds, border


def prepared_mask(data_samples: Sequence[Any], size: tuple[int, int], kind: str,
                  include_ignored: bool) -> Tensor | None:
    """What :func:`.draw_text_mask` would draw, on the device where the batch is.

    Args:
        data_samples: N samples.
        size: Height and width of the mask.
        kind: See there.
        include_ignored: See there.

    Returns:
        Bool, shape (N, H, W); None if an image came without, or in another size.
    """
    regions = _regions(data_samples, [size] * len(data_samples))
    return None if regions is None else _where(regions, (kind, include_ignored))


def _regions(data_samples: Sequence[Any], sizes: Sequence[tuple[int, ...]]) -> Tensor | None:
    """Rescaled copies of samples (DLD) carry the targets of the originals: hence the sizes."""
    found = [sample.det_targets.regions for sample in data_samples if 'det_targets' in sample]
    if [tuple(regions.shape) for regions in found] != sizes or len(set(sizes)) != 1:
        return None
    return torch.stack(found)


def _where(regions: Tensor, name: Any) -> Tensor:
    return (regions & _BITS[name]) != 0
