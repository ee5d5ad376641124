"""Targets and cross-entropy of the attention decoder of DLD's spotter."""
from __future__ import annotations

from typing import Any, Sequence

import torch
import torch.nn.functional as F
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from torch import Tensor

from .whole_word_module_loss import WholeWordModuleLoss


@MODELS.register_module()
class AttnCEModuleLoss(WholeWordModuleLoss):
    """Mean cross-entropy over all characters and end tokens of a batch.

    MMOCR's ``CEModuleLoss`` gives the start token one of the decoder's steps and never trains the
    last one; here the decoder has a step for each character and one for the end token, and all
    are trained.

    Args:
        dictionary: With start, end and padding; the decoder passes its own. The start token may
            be the padding (as in the official code), the end token may not.
        max_seq_len: Most characters of a word; the decoder passes its own. Longer labels are cut
            to that length and still end with the end token (our choice).
        letter_case: 'unchanged', 'lower' or 'upper': what is done to labels first.

    Raises:
        ValueError: If the dictionary lacks a token.
    """

    def __init__(self,
                 dictionary: dict[str, Any] | Dictionary,
                 max_seq_len: int = 32,
                 letter_case: str = 'unchanged') -> None:
        super().__init__(dictionary, max_seq_len, letter_case)
        tokens = self.dictionary
        if None in (tokens.start_idx, tokens.end_idx, tokens.padding_idx) \
                or tokens.padding_idx == tokens.end_idx:
            raise ValueError('AttnCEModuleLoss needs a dictionary with a start token, an end token '
                             'and a padding that is not the end token: take '
                             'LeadingTokensDictionary, or set with_start, with_end, with_padding')

    def forward(self, outputs: Tensor, data_samples: Sequence[Any]) -> dict[str, Tensor]:
        """Compute the loss.

        Args:
            outputs: Raw logits, shape (N, max_seq_len + 1, V).
            data_samples: N samples that :meth:`get_targets` has seen.

        Returns:
            ``loss_ce``, a scalar.
        """
        targets = torch.stack([sample.gt_text.padded_indexes[1:] for sample in data_samples])
        return dict(loss_ce=F.cross_entropy(
            outputs.flatten(0, 1), targets.flatten().to(outputs.device, non_blocking=True),
            ignore_index=self.pad_idx))
