"""MATRN's random masking of the visual tokens that one character is read from."""
from __future__ import annotations

import torch
from torch import Tensor, nn


class VisualTokenMasking(nn.Module):
    """Hides where a random character of each word is, so that its meaning has to be used.

    With ``word_prob``, one of the word's steps is drawn, and each of the ``num_candidates``
    positions that this step attends to most is replaced by a learned token with ``token_prob``
    (MATRN, arXiv 2111.15263, "visual clue masking"; numbers and initialisation of the official
    code). In expectation that is ``word_prob * token_prob * num_candidates`` tokens a word.

    It looks at its own ``training`` flag and nothing else, so that a teacher whose decoders are
    switched to teacher forcing, while its leaf modules stay in eval mode, masks nothing.

    Args:
        d_model: Width E of the tokens.
        word_prob: Share of words that are masked, in [0, 1].
        token_prob: Share of the candidates that are masked in such a word, in [0, 1].
        num_candidates: Most attended positions of the chosen step, > 0.

    Raises:
        ValueError: If a field is out of range.
    """

    def __init__(self, d_model: int, word_prob: float = 0.9, token_prob: float = 0.9,
                 num_candidates: int = 10) -> None:
        super().__init__()
        for name, value in (('word_prob', word_prob), ('token_prob', token_prob)):
            if not 0 <= value <= 1:
                raise ValueError(f'{name}={value} is a probability: use a number from 0 to 1')
        if num_candidates < 1:
            raise ValueError(f'num_candidates={num_candidates} must be positive: to mask nothing, '
                             f'use word_prob=0')
        self.word_prob = word_prob
        self.token_prob = token_prob
        self.num_candidates = num_candidates
        self.v_token = nn.Parameter(torch.empty(1, d_model).uniform_(-0.001, 0.001))

    def forward(self, tokens: Tensor, attention: Tensor, lengths: Tensor) -> Tensor:
        """Replace the drawn tokens in training; in eval mode, give all back as they are.

        Args:
            tokens: Visual tokens, shape (N, S, E); left unchanged.
            attention: How much each step attends to each token, shape (N, T, S).
            lengths: Steps of each word that may be drawn, long, in [1, T], shape (N,).

        Returns:
            Tokens of the same shape.
        """
        if not self.training:
            return tokens
        masked = self.draw(attention, lengths)
        return torch.where(masked.unsqueeze(2), self.v_token, tokens)

    def draw(self, attention: Tensor, lengths: Tensor) -> Tensor:
        """Draw what to mask, for the whole batch at once, from PyTorch's global generator.

        Args:
            attention: As for :meth:`forward`.
            lengths: As for :meth:`forward`.

        Returns:
            True where a token is to be replaced, bool, shape (N, S).
        """
        steps = (torch.rand(lengths.shape, device=lengths.device) * lengths).long()
        chosen = attention[torch.arange(len(steps), device=steps.device), steps]  # (N, S)
        candidates = chosen.topk(self.num_candidates, dim=1).indices
        random = torch.rand(candidates.shape, device=chosen.device)
        word = torch.rand(len(steps), 1, device=chosen.device) < self.word_prob
        keep = word & (random < self.token_prob)
        return torch.zeros_like(chosen, dtype=torch.bool).scatter(1, candidates, keep)
