"""Into the space where characters are compared; student and teacher share the way."""
from __future__ import annotations

from torch import Tensor, nn

PROJECTORS = ('bilstm', 'mlp', 'identity')


class BiLSTMProjector(nn.Module):
    """A bidirectional LSTM over the characters of a word, then a linear layer.

    Official code of KD-LTR. It runs over padded steps too, so its backward direction begins in
    them.

    Args:
        in_channels: Channels of the input.
        hidden_channels: Channels of the LSTM per direction.
        out_channels: Channels of the output.
    """

    def __init__(self, in_channels: int, hidden_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(in_channels, hidden_channels, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * hidden_channels, out_channels)

    def forward(self, vectors: Tensor) -> Tensor:
        """Project vectors of shape (N, T, in_channels) to (N, T, out_channels)."""
        return self.linear(self.lstm(vectors)[0])


def build_projector(kind: str, in_channels: int, hidden_channels: int,
                    out_channels: int) -> nn.Module:
    """Build a projector.

    Args:
        kind: 'bilstm' (official), 'mlp' (as wide, but each character for itself) or 'identity'
            (none; the channels are ignored).
        in_channels: Channels of the input.
        hidden_channels: Half the hidden channels.
        out_channels: Channels of the output.
    """
    if kind == 'bilstm':
        return BiLSTMProjector(in_channels, hidden_channels, out_channels)
    if kind == 'mlp':
        return nn.Sequential(nn.Linear(in_channels, 2 * hidden_channels), nn.ReLU(),
                             nn.Linear(2 * hidden_channels, out_channels))
    return nn.Identity()
