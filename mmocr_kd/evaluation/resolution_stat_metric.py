"""Which resolutions a model chose."""
from __future__ import annotations

from typing import Any, Mapping, Sequence

import numpy as np
from mmengine.evaluator import BaseMetric
from mmocr.registry import METRICS

from ..losses.scale_factors import check_scale_factors, power_costs

RelCosts = Sequence[float] | Mapping[str, Sequence[float]]


@METRICS.register_module()
class ResolutionStatMetric(BaseMetric):
    """Mean scale, cost and histogram of the resolutions chosen on a data set.

    ``mean_scale`` is the mean of the chosen scales; ``rms_scale`` the root of their mean square:
    the fixed scale with as many pixels, comparable to the root of the relative FLOPS in DLD's
    tables (Chen et al., ECCV 2022). ``rel_cost`` is the mean cost, 1 being the teacher's
    resolution. ``hist_0.5`` is the share of images at scale 0.5. Names begin with 'resolution/'.

    Scales are nominal: images of whole pixels differ slightly.

    Args:
        scale_factors: Candidate scales, rising, in (0, 1]; those of the selector.
        rel_costs: Measured cost of each scale relative to the teacher's resolution, > 0, as
            ``tools/cost_table.py`` prints it. None: the share of pixels, ``scale^2`` (then
            ``rel_cost`` is ``rms_scale`` squared). Costs counted in several ways go by name:
            ``dict(published=[...], honest=[...])`` gives ``rel_cost_published`` and
            ``rel_cost_honest``.
        collect_device: 'cpu' or 'gpu', for distributed evaluation.
        prefix: Of the results' names; 'resolution' by default.

    Raises:
        ValueError: If scales or costs are impossible.
    """

    default_prefix = 'resolution'

    def __init__(self, scale_factors: Sequence[float], rel_costs: RelCosts | None = None,
                 collect_device: str = 'cpu', prefix: str | None = None) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.scale_factors = check_scale_factors(scale_factors)
        if rel_costs is None:
            rel_costs = power_costs(self.scale_factors, 2)
        by_name = rel_costs if isinstance(rel_costs, Mapping) else {'': rel_costs}
        self.rel_costs = {f'rel_cost_{name}' if name else 'rel_cost': self._checked(name, costs)
                          for name, costs in by_name.items()}

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Note which scale each image of a batch was seen at.

        Args:
            data_batch: Not used.
            data_samples: Dicts with the metainfo ``dld_scale``, one of ``scale_factors``, and,
                where the model tells, ``dld_scale_index``, its position there.

        Raises:
            ValueError: If ``dld_scale`` is missing or not one of the scales, or the index
                contradicts it.
        """
        self.results.extend(self._index(data_sample) for data_sample in data_samples)

    def compute_metrics(self, results: list[int]) -> dict[str, float]:
        """Average over all images.

        Args:
            results: Positions of the chosen scales.

        Returns:
            See the class; nothing if there was no image.
        """
        if not results:
            return {}
        shares = np.bincount(results, minlength=len(self.scale_factors)) / len(results)
        scales = np.array(self.scale_factors)
        means = {'mean_scale': shares @ scales, 'rms_scale': np.sqrt(shares @ scales**2)}
        costs = {name: shares @ np.array(costs) for name, costs in self.rel_costs.items()}
        histogram = {f'hist_{scale:g}': share for scale, share in zip(self.scale_factors, shares)}
        return {name: float(value) for name, value in (means | costs | histogram).items()}

    def _checked(self, name: str, costs: Sequence[float]) -> list[float]:
        if len(costs) != len(self.scale_factors) or not all(0 < c < np.inf for c in costs):
            field = f'rel_costs[{name!r}]' if name else 'rel_costs'
            raise ValueError(f'{field}={list(costs)} must be {len(self.scale_factors)} finite '
                             'numbers > 0: one per scale factor')
        return list(costs)

    def _index(self, data_sample: Mapping[str, Any]) -> int:
        scale = data_sample.get('dld_scale')
        if scale is None:
            raise ValueError(f'{data_sample.get("img_path")!r} has no dld_scale: is it a model '
                             'that chooses resolutions?')
        near = np.flatnonzero(np.isclose(self.scale_factors, float(scale), rtol=0, atol=1e-6))
        if not len(near):
            raise ValueError(f'{data_sample.get("img_path")!r} has dld_scale={float(scale)}, '
                             f'expected one of scale_factors={list(self.scale_factors)}: give the '
                             "metric the selector's scales")
        index = int(data_sample.get('dld_scale_index', near[0]))
        if index != near[0]:
            raise ValueError(f'{data_sample.get("img_path")!r} has dld_scale={float(scale)} and '
                             f'dld_scale_index={index}, but scale_factors='
                             f'{list(self.scale_factors)}: do model and metric differ?')
        return index
