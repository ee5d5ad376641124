"""DB's loss, with targets that the workers of the data loader made."""
from __future__ import annotations

from typing import Sequence

from mmocr.models.textdet import DBModuleLoss
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from torch import Tensor

from ...adapters.det_targets import DB_FIELDS, prepared_targets


@MODELS.register_module()
class PreparedDBModuleLoss(DBModuleLoss):
    """MMOCR's ``DBModuleLoss``, to the bit, without its work in the main process.

    MMOCR shrinks and expands polygons and draws their maps on the host while the GPU waits. With
    :class:`~mmocr_kd.datasets.transforms.DBTargets` at the end of the training pipeline, workers do
    that; a batch that comes without targets gets them from MMOCR's code, as ever. All fields are
    those of ``DBModuleLoss``.

    Raises:
        ValueError: In training, if ``DBTargets`` has other fields than this loss.

    Map: datasets/transforms/db_targets.py makes the targets, adapters/det_targets.py says how they
    travel, MMOCR's ``DBModuleLoss`` compares.
    """

    def get_targets(self, data_samples: Sequence[TextDetDataSample]) -> tuple[Tensor, ...]:
        """Unpack or make the targets.

        Args:
            data_samples: N samples; the annotations of prepared ones are left alone.

        Returns:
            Shrunk text, where it counts, thresholds, where they count; float32, shape (N, H, W).
        """
        prepared = prepared_targets(data_samples, {name: getattr(self, name) for name in DB_FIELDS})
        return super().get_targets(data_samples) if prepared is None else prepared
