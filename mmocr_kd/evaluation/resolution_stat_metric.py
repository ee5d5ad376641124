"""Which resolutions a model chose."""
from __future__ import annotations

from collections import Counter
from typing import Any, Mapping, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmocr.registry import METRICS

from ..losses.scale_factors import check_scale_factors


@METRICS.register_module()
class ResolutionStatMetric(BaseMetric):
    """Mean scale, cost and histogram of the resolutions chosen on a data set.

    ``mean_scale`` is the mean of the chosen scales; ``rms_scale`` the root of their mean square:
    the fixed scale with as many pixels, comparable to the root of the relative FLOPS in DLD's
    tables (Chen et al., ECCV 2022). ``rel_cost`` is the mean cost, 1 being the full resolution.
    ``hist_0.5`` is the share of images at scale 0.5. Names begin with 'resolution/'.

    What a scale costs is said by the predictions (``dld_cost``, out of the selector's ``costs``);
    of those that do not, it is the share of pixels, ``scale^2``. Scales are nominal: images of
    whole pixels differ slightly.

    Args:
        scale_factors: Scales whose share is told even if it is 0, rising, in (0, 1]: the
            selector's. Any other that occurs, such as that of ``test_scale``, is told as well.
        collect_device: 'cpu' or 'gpu', for distributed evaluation.
        prefix: Of the results' names; 'resolution' by default.

    Raises:
        ValueError: If scales are impossible.
    """

    default_prefix = 'resolution'

    def __init__(self, scale_factors: Sequence[float] = (), collect_device: str = 'cpu',
                 prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.scale_factors = check_scale_factors(scale_factors) if len(scale_factors) else ()

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Note which scale each image of a batch was seen at.

        Args:
            data_batch: Not used.
            data_samples: Dicts with the metainfo ``dld_scale``, in (0, 1], and, where the model
                tells, ``dld_cost``, >= 0.

        Raises:
            ValueError: If ``dld_scale`` is missing, or one of them is out of its range.
        """
        self.results.extend(_scale_and_cost(data_sample) for data_sample in data_samples)

    def compute_metrics(self, results: list[tuple[float, float]]) -> dict[str, float]:
        """Average over all images.

        Args:
            results: Scale and cost of each.

        Returns:
            See the class; nothing if there was no image.
        """
        if not results:
            return {}
        scales, costs = np.array(results).T
        means = {'mean_scale': scales.mean(), 'rms_scale': np.sqrt((scales**2).mean()),
                 'rel_cost': costs.mean()}
        found = Counter(f'hist_{scale:g}' for scale in sorted(scales))
        names = dict.fromkeys([f'hist_{scale:g}' for scale in self.scale_factors] + [*found])
        histogram = {name: found[name] / len(scales) for name in names}
        return {name: float(value) for name, value in (means | histogram).items()}


def _scale_and_cost(data_sample: Mapping[str, Any]) -> tuple[float, float]:
    image, scale = data_sample.get('img_path'), data_sample.get('dld_scale')
    if scale is None:
        raise ValueError(f'{image!r} has no dld_scale: is it a model that chooses resolutions?')
    cost = data_sample.get('dld_cost')
    scale, cost = float(scale), float(scale)**2 if cost is None else float(cost)
    if not (0 < scale <= 1 and 0 <= cost < np.inf):
        raise ValueError(f'{image!r} has dld_scale={scale} and dld_cost={cost}, expected a scale '
                         'in (0, 1] and a finite cost >= 0')
    return scale, cost
