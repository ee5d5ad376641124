"""Data sets that are tested together, each in its own way."""
from __future__ import annotations

from typing import Any, Sequence

from mmocr.datasets import ConcatDataset
from mmocr.registry import DATASETS


@DATASETS.register_module()
class ConcatTestSets(ConcatDataset):
    """MMOCR's ``ConcatDataset`` in which data sets keep the pipelines they have.

    MMOCR's either has one pipeline for all, or none of its own, and its inferencers, which read
    images as ``test_dataloader.dataset.pipeline`` says, then find nothing. Here both stand side by
    side: what each set is tested with (its size of images, its degradations), and what any other
    image is read with.

    Args:
        datasets: Configs of the data sets.
        pipeline: For data sets without one, and for inferencers. These put their own loader in the
            place of ``LoadImageFromFile``, which has to be among its steps.
        **kwargs: As in MMOCR.
    """

    def __init__(self, datasets: Sequence[dict[str, Any]], pipeline: Sequence[dict[str, Any]],
                 **kwargs: Any) -> None:
        parts = [{**part, 'pipeline': part.get('pipeline') or pipeline} for part in datasets]
        super().__init__(parts, **kwargs)
