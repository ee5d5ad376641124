"""The attention decoder of DLD's spotter."""
from __future__ import annotations

from typing import Any, Sequence

import torch
import torch.nn.functional as F
from mmocr.models.textrecog.decoders import BaseDecoder
from mmocr.registry import MODELS
from torch import Tensor, nn

from .additive_attention import AdditiveAttention

State = tuple[Tensor, Tensor]  # of an LSTM cell


@MODELS.register_module()
class AttnLSTMDecoder(BaseDecoder):
    """Additive attention and an LSTM cell that is told the previous character (official code).

    Args:
        dictionary: With a start and an end token, such as ``LeadingTokensDictionary``.
        in_channels: Channels of the encoder.
        hidden_channels: Of the cell's state.
        max_seq_len: Most characters of a word. There is one step more, for the end token.
        module_loss: An ``AttnCEModuleLoss``.
        postprocessor: As in MMOCR.
        init_cfg: As in MMEngine.

    Raises:
        ValueError: If the dictionary lacks a token.
    """

    def __init__(self,
                 dictionary: Any,
                 in_channels: int = 256,
                 hidden_channels: int = 256,
                 max_seq_len: int = 32,
                 module_loss: dict[str, Any] | None = None,
                 postprocessor: dict[str, Any] | None = None,
                 init_cfg: Any = None) -> None:
        super().__init__(dictionary, module_loss, postprocessor, max_seq_len, init_cfg)
        if None in (self.dictionary.start_idx, self.dictionary.end_idx):
            raise ValueError('AttnLSTMDecoder needs a dictionary with a start and an end token: '
                             'take LeadingTokensDictionary, or set with_start and with_end')
        classes = self.dictionary.num_classes
        self.attention = AdditiveAttention(in_channels, hidden_channels, hidden_channels)
        self.cell = nn.LSTMCell(in_channels + classes, hidden_channels)
        self.classifier = nn.Linear(hidden_channels, classes)

    def forward_train(self, feat: Tensor | None = None, out_enc: Tensor | None = None,
                      data_samples: Sequence[Any] | None = None) -> Tensor:
        """Follow the labels.

        Args:
            feat: Not used.
            out_enc: From the encoder, shape (N, L, in_channels).
            data_samples: N samples that ``AttnCEModuleLoss.get_targets`` has seen.

        Returns:
            Raw logits, shape (N, max_seq_len + 1, V); step t predicts character t, the step after
            the last character the end token.
        """
        memory = _required(out_enc)
        if data_samples is None:
            raise ValueError('the decoder follows labels in training: give it the data_samples')
        labels = torch.stack([sample.gt_text.padded_indexes for sample in data_samples])
        keys, state = self.attention.key(memory), self._start(memory)
        states = []
        labels = labels[:, :-1].to(memory.device, non_blocking=True)
        for chars in labels.unbind(1):
            state = self._step(memory, keys, chars, state)
            states.append(state[0])
        return self.classifier(torch.stack(states, dim=1))

    def forward_test(self, feat: Tensor | None = None, out_enc: Tensor | None = None,
                     data_samples: Sequence[Any] | None = None) -> Tensor:
        """Read, always going on from the most probable character, until all words have ended.

        Args:
            feat: Not used.
            out_enc: See :meth:`forward_train`.
            data_samples: Not used.

        Returns:
            Probabilities, shape (N, T, V), T at most max_seq_len + 1.
        """
        memory = _required(out_enc)
        keys, state = self.attention.key(memory), self._start(memory)
        chars = torch.full((len(memory), ), self.dictionary.start_idx, device=memory.device)
        ended = torch.zeros_like(chars, dtype=torch.bool)
        steps: list[Tensor] = []
        while len(steps) <= self.max_seq_len and not (steps and ended.all()):
            state = self._step(memory, keys, chars, state)
            steps.append(self.classifier(state[0]).softmax(-1))
            chars = steps[-1].argmax(-1)
            ended |= chars == self.dictionary.end_idx
        return torch.stack(steps, dim=1)

    def _start(self, memory: Tensor) -> State:
        zeros = memory.new_zeros(len(memory), self.cell.hidden_size)
        return zeros, zeros

    def _step(self, memory: Tensor, keys: Tensor, chars: Tensor, state: State) -> State:
        seen, _ = self.attention(memory, keys, state[0])
        previous = F.one_hot(chars, self.dictionary.num_classes).to(seen.dtype)
        return self.cell(torch.cat([seen, previous], dim=1), state)


def _required(out_enc: Tensor | None) -> Tensor:
    if out_enc is None:
        raise ValueError('AttnLSTMDecoder reads what an encoder puts out: give the recogniser one')
    return out_enc
