"""Steps of a pipeline that are done once for each image."""
from __future__ import annotations

import copy
from typing import Any, Sequence

from mmcv.transforms import BaseTransform, Compose
from mmocr.registry import TRANSFORMS


@TRANSFORMS.register_module()
class Remember(BaseTransform):
    """Keep what transforms make of each image in memory, and do not run them again.

    For the first steps of a pipeline, those without chance, when images are small afterwards and
    take long to load (large photos, rendered ones). What is kept stays as long as the pipeline:
    workers have to stay, too (``persistent_workers=True``), and each keeps what it has loaded, so
    that each worker comes to hold all images. Takes results by their ``img_path``.

    Args:
        transforms: Config of a transform, or a list of them.
    """

    def __init__(self, transforms: dict[str, Any] | Sequence[dict[str, Any]]) -> None:
        configs = [transforms] if isinstance(transforms, dict) else list(transforms)
        self.transforms = Compose([TRANSFORMS.build(config) for config in configs])
        self._kept: dict[str, dict[str, Any] | None] = {}

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Look up, or run the transforms.

        Args:
            results: With ``img_path``; nothing else is looked at if that is known.

        Returns:
            A copy of the results, which may be written into; None if a transform drops the sample.

        Raises:
            KeyError: If there is no ``img_path``.
        """
        path = results['img_path']
        if path not in self._kept:
            self._kept[path] = self.transforms(results)
        return copy.deepcopy(self._kept[path])
