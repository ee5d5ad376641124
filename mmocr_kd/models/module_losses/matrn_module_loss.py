"""The loss MATRN is trained by."""
from __future__ import annotations

from typing import Any, Sequence

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.models.textrecog.module_losses import BaseTextRecogModuleLoss
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor
from torch.nn import functional as F

_IGNORED = -100  # a class that cross_entropy leaves out


@MODELS.register_module()
class MATRNModuleLoss(BaseTextRecogModuleLoss):
    """Cross-entropy of all readings of MATRN: vision, language and the three of the fusion.

    Each group's loss is the mean over its readings (one; one per iteration; visual, semantic and
    fused per iteration) and over the characters and end tokens of all words together, so that
    long words weigh more. Steps after a word's end do not count. Weights and mask are those of
    the official code; MMOCR's ABIModuleLoss counts the steps after the end, too.

    Without a start token in the dictionary, step t is to read character t, and words of up to
    ``max_seq_len - 1`` characters fit. With one, the targets lose their first entry as in
    ABIModuleLoss, and the last step is never trained. Longer words are cut off, without an end.

    Args:
        dictionary: Dictionary, or its config, with an end token.
        max_seq_len: Number of steps T.
        letter_case: 'unchanged', 'upper' or 'lower': what becomes of the ground truth.
        weight_vis: Weight of the vision decoder's reading, >= 0.
        weight_lang: Weight of the language decoder's readings, >= 0.
        weight_fusion: Weight of the fusion's readings, >= 0.

    Raises:
        ValueError: If a weight is negative or the dictionary has no end token.
    """

    def __init__(self,
                 dictionary: dict[str, Any] | Dictionary,
                 max_seq_len: int = 26,
                 letter_case: str = 'unchanged',
                 weight_vis: float = 1.0,
                 weight_lang: float = 1.0,
                 weight_fusion: float = 3.0) -> None:
        super().__init__(dictionary=dictionary, max_seq_len=max_seq_len, letter_case=letter_case,
                         pad_with='end')
        weights = dict(weight_vis=weight_vis, weight_lang=weight_lang, weight_fusion=weight_fusion)
        for name, weight in weights.items():
            if weight < 0:
                raise ValueError(f'{name}={weight} must not be negative')
        self.weight_vis = weight_vis
        self.weight_lang = weight_lang
        self.weight_fusion = weight_fusion

    def forward(self, outputs: dict[str, Any],
                data_samples: Sequence[TextRecogDataSample]) -> dict[str, Tensor]:
        """Compute the losses.

        Args:
            outputs: What :meth:`MATRNFuser.forward_train` returns, logits of shape (N, T, C).
            data_samples: N samples that went through :meth:`get_targets`.

        Returns:
            Weighted scalars ``loss_visual``, ``loss_lang`` and ``loss_fusion``.
        """
        device = outputs['out_vis']['logits'].device
        targets = self._targets(data_samples).to(device, non_blocking=True)
        languages = [out['logits'] for out in outputs['out_langs']]
        fused = [out[key] for out in outputs['out_fusers']
                 for key in ('visual_logits', 'semantic_logits', 'logits')]
        return {
            'loss_visual': self.weight_vis * _mean_loss([outputs['out_vis']['logits']], targets),
            'loss_lang': self.weight_lang * _mean_loss(languages, targets),
            'loss_fusion': self.weight_fusion * _mean_loss(fused, targets),
        }

    def _targets(self, data_samples: Sequence[TextRecogDataSample]) -> Tensor:
        """Classes of all steps up to the end token, then the ignored class; shape (N, T or T-1)."""
        first = 0 if self.dictionary.start_idx is None else 1
        padded = torch.stack([sample.gt_text.padded_indexes for sample in data_samples])[:, first:]
        ends = torch.tensor([len(sample.gt_text.indexes) for sample in data_samples])
        after_end = torch.arange(padded.shape[1]) > ends.unsqueeze(1)
        return padded.masked_fill(after_end, _IGNORED)


def _mean_loss(readings: Sequence[Tensor], targets: Tensor) -> Tensor:
    steps = targets.shape[1]
    logits = torch.stack(list(readings))[:, :, :steps]  # (R, N, steps, C)
    return F.cross_entropy(logits.flatten(0, 2), targets.repeat(len(readings), 1).flatten(),
                           ignore_index=_IGNORED)
