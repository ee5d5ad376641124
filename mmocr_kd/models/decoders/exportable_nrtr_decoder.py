"""NRTR's decoder, in a form that graphs for ONNX hold."""
from __future__ import annotations

from typing import Any, Sequence

import torch
from mmocr.models.textrecog.decoders import NRTRDecoder
from mmocr.registry import MODELS
from torch import Tensor

from ..padding_mask import padding_mask


@MODELS.register_module()
class ExportableNRTRDecoder(NRTRDecoder):
    """MMOCR's ``NRTRDecoder``, whose mask of padding is computed; fields and weights are its.

    See :class:`~mmocr_kd.models.encoders.ExportableNRTREncoder`. SATRN and others of its kind
    decode with it as well.
    """

    def forward_test(self, feat: Tensor | None = None, out_enc: Tensor | None = None,
                     data_samples: Sequence[Any] | None = None) -> Tensor:
        """See MMOCR's, which writes characters into a tensor that a graph keeps as it was.

        Args:
            feat: Unused.
            out_enc: Shape (N, T, D).
            data_samples: Each with a ``valid_ratio``; or one with those of all, a tensor (N,).

        Returns:
            Probabilities, shape (N, max_seq_len, C).
        """
        assert out_enc is not None
        mask = self._get_source_mask(out_enc, [
            sample.get('valid_ratio', 1.) for sample in data_samples or []])
        start = torch.full((1, 1), self.start_idx, device=out_enc.device)
        tokens = start.expand(out_enc.size(0), 1)
        steps: list[Tensor] = []
        for _ in range(self.max_seq_len):  # nothing looks at characters to come
            steps.append(self.classifier(self._attention(tokens, out_enc, mask)[:, -1]))
            tokens = torch.cat([tokens, steps[-1].argmax(-1, keepdim=True)], 1)
        return self.softmax(torch.stack(steps, 1))

    def _get_source_mask(self, src_seq: Tensor, valid_ratios: Sequence[Any]) -> Tensor | None:
        return padding_mask(src_seq, src_seq.size(1), valid_ratios) if len(valid_ratios) else None
