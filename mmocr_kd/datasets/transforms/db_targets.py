"""DB's targets and the masks of the text, made by workers of the data loader."""
from __future__ import annotations

import copy
from typing import Any

import torch
from mmcv.transforms import BaseTransform
from mmocr.models.textdet import DBModuleLoss
from mmocr.registry import TRANSFORMS

from ...adapters.det_targets import DB_FIELDS, MASKS, pack_targets
from ...adapters.text_mask import draw_text_mask


@TRANSFORMS.register_module()
class DBTargets(BaseTransform):
    """Makes what ``DBModuleLoss`` and the masks of distillation are drawn from.

    It is the last step of a training pipeline, after ``PackTextDetInputs``; the detector's
    ``module_loss`` is a :class:`~mmocr_kd.models.module_losses.PreparedDBModuleLoss`. The maps are
    MMOCR's own, bit by bit: its code makes them, from a copy of the annotations, which stay as they
    are (MMOCR moves polygons and flips ``ignored`` in place). They take five bytes a pixel, and the
    main process no longer touches shapely, pyclipper or OpenCV.

    Args:
        shrink_ratio: As in ``module_loss``, there and here by default 0.4.
        thr_min: Likewise, 0.3.
        thr_max: Likewise, 0.7.
        min_sidelength: Likewise, 8 pixels.

    Raises:
        ValueError: If nothing was packed yet.
    """

    def __init__(self, shrink_ratio: float = 0.4, thr_min: float = 0.3, thr_max: float = 0.7,
                 min_sidelength: float = 8) -> None:
        self._loss = DBModuleLoss(shrink_ratio=shrink_ratio, thr_min=thr_min, thr_max=thr_max,
                                  min_sidelength=min_sidelength)
        self._fields = {name: getattr(self._loss, name) for name in DB_FIELDS}

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Add ``det_targets`` to ``results['data_samples']``, see :mod:`.adapters.det_targets`."""
        if 'data_samples' not in results:
            raise ValueError('DBTargets found no data_samples: put it behind PackTextDetInputs')
        sample = results['data_samples']
        height, width = sample.img_shape
        like = torch.empty(1, height, width)
        masks = {(kind, ignored): draw_text_mask([sample], like, (height, width), kind, ignored)
                 for kind, ignored in MASKS}
        targets = self._loss.get_targets([copy.deepcopy(sample)])
        sample.det_targets = pack_targets(targets, masks, self._fields)
        return results

    def __repr__(self) -> str:
        return f'DBTargets({self._fields})'
