"""Batching and normalising pairs of word images."""
from __future__ import annotations

from typing import Any

from mmengine.model import ImgDataPreprocessor
from mmocr.models.textrecog import TextRecogDataPreprocessor
from mmocr.registry import MODELS


@MODELS.register_module()
class PairedTextRecogDataPreprocessor(TextRecogDataPreprocessor):
    """MMOCR's ``TextRecogDataPreprocessor``, which treats ``hr_inputs`` like ``inputs``.

    Both are normalised with the same mean and standard deviation, the student's; who feeds
    ``hr_inputs`` to a teacher renormalises them (see ``mmocr_kd.distill.renormalize``). The valid
    ratio is that of the low-resolution batch, and holds for both as long as both images show the
    same. Batches without ``hr_inputs`` come out as from MMOCR. All fields are MMOCR's.
    """

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Move, stack, pad and normalise a batch.

        Args:
            data: ``inputs`` and, optionally, ``hr_inputs`` and ``data_samples``: lists of N
                images of shape (C, H, W) and of N samples.
            training: As in MMOCR.

        Returns:
            The same keys; float images of shape (N, C, h, w) and (N, C, H, W).

        Raises:
            ValueError: If there are not as many ``hr_inputs`` as ``inputs``.
        """
        data = dict(data)
        images = data.pop('hr_inputs', None)
        if images is not None and len(images) != len(data['inputs']):
            raise ValueError(f'the batch has {len(data["inputs"])} inputs, but {len(images)} '
                             'hr_inputs: every low-resolution image needs its high-resolution one')
        data = super().forward(data, training)
        if images is not None:
            # The plain image part alone: data samples must not be updated a second time.
            data['hr_inputs'] = ImgDataPreprocessor.forward(self, dict(inputs=images))['inputs']
        return data
