"""Attention of a recurrent decoder."""
from __future__ import annotations

from torch import Tensor, nn


class AdditiveAttention(nn.Module):
    """Where a decoder in a given state looks at (Bahdanau et al., 2015).

    Args:
        memory_channels: Channels of what is looked at.
        state_channels: Channels of the decoder's state.
        hidden_channels: Channels in which both are compared.
    """

    def __init__(self, memory_channels: int, state_channels: int, hidden_channels: int) -> None:
        super().__init__()
        self.key = nn.Linear(memory_channels, hidden_channels, bias=False)
        self.query = nn.Linear(state_channels, hidden_channels)
        self.energy = nn.Linear(hidden_channels, 1, bias=False)

    def forward(self, memory: Tensor, keys: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Look.

        Args:
            memory: Shape (N, L, memory_channels).
            keys: ``self.key(memory)``, which is the same in all steps.
            state: Shape (N, state_channels).

        Returns:
            What is seen, shape (N, memory_channels), and the weights, shape (N, L), sum 1.
        """
        energies = self.energy((keys + self.query(state)[:, None]).tanh())[..., 0]
        weights = energies.softmax(-1)
        return (weights[:, None] @ memory)[:, 0], weights
