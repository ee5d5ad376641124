"""BiLSTMs between a recogniser's backbone and its decoder."""
from __future__ import annotations

from typing import Any

from mmocr.models.textrecog.encoders import BaseEncoder
from mmocr.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class BiLSTMEncoder(BaseEncoder):
    """Layers of a bidirectional LSTM and a linear projection each (as in CRNN).

    MMOCR's ``ASTEREncoder`` stacks LSTMs without projections.

    Args:
        in_channels: Channels of the backbone.
        hidden_channels: Of each direction of each LSTM.
        out_channels: Of each projection, and of what comes out.
        num_layers: How many, >= 1.
        init_cfg: As in MMEngine.

    Raises:
        ValueError: If there is no layer.
    """

    def __init__(self,
                 in_channels: int = 256,
                 hidden_channels: int = 256,
                 out_channels: int = 256,
                 num_layers: int = 2,
                 init_cfg: Any = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if num_layers < 1:
            raise ValueError(f'num_layers={num_layers} must be at least 1')
        channels = [in_channels] + [out_channels] * (num_layers - 1)
        self.lstms = nn.ModuleList(
            nn.LSTM(count, hidden_channels, bidirectional=True, batch_first=True)
            for count in channels)
        self.projections = nn.ModuleList(
            nn.Linear(2 * hidden_channels, out_channels) for _ in channels)

    def forward(self, feature: Tensor, data_samples: Any = None) -> Tensor:
        """Encode each word from both sides.

        Args:
            feature: Shape (N, in_channels, 1, W).
            data_samples: Not used.

        Returns:
            Shape (N, W, out_channels).

        Raises:
            ValueError: If the feature has another height.
        """
        if feature.dim() != 4 or feature.shape[2] != 1:
            raise ValueError(f'the feature has shape {tuple(feature.shape)}: expected (N, C, 1, W),'
                             ' from a backbone that reduces words to a height of 1')
        sequence = feature[:, :, 0].mT
        for lstm, projection in zip(self.lstms, self.projections):
            sequence = projection(lstm(sequence)[0])
        return sequence
