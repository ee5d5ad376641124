"""SATRN's encoder, in a form that graphs for ONNX hold."""
from __future__ import annotations

from typing import Any, Sequence

from mmocr.models.textrecog.encoders import SATRNEncoder
from mmocr.registry import MODELS
from torch import Tensor

from ..padding_mask import padding_mask


@MODELS.register_module()
class ExportableSATRNEncoder(SATRNEncoder):
    """MMOCR's ``SATRNEncoder``, whose mask of padding is computed; fields and weights are its.

    MMOCR writes a mask image by image with Python numbers, which a graph keeps for ever.
    """

    def forward(self, feat: Tensor, data_samples: Sequence[Any] | None = None) -> Tensor:
        """See MMOCR's.

        Args:
            feat: Shape (N, D, H, W).
            data_samples: Each with a ``valid_ratio``; or one with those of all, a tensor (N,).

        Returns:
            Shape (N, H * W, D).
        """
        feat = self.position_enc(feat)
        n, c, h, w = feat.size()
        ratios = [1.] if data_samples is None else [
            sample.get('valid_ratio', 1.) for sample in data_samples]
        mask = padding_mask(feat, w, ratios)[:, None].expand(n, h, w).reshape(n, h * w)
        output = feat.view(n, c, h * w).permute(0, 2, 1).contiguous()
        for layer in self.layer_stack:
            output = layer(output, h, w, mask)
        return self.layer_norm(output)
