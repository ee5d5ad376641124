"""What a conversion gives."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Converted:
    """Weights under our keys, and what a config must say to use them.

    Args:
        arch: 'ABINet', 'MATRN' or 'PARSeq'.
        state_dict: Key -> tensor, for strict loading.
        low_resolution: Whether the model reads crops of half the usual height and width.
        characters: The classes before the end, in order.
        settings: Dotted field of the config -> value, as far as weights need it and stock configs
            may say otherwise.
    """

    arch: str
    state_dict: dict[str, Tensor]
    low_resolution: bool
    characters: str | None
    settings: dict[str, Any]

    def checkpoint(self) -> dict[str, Any]:
        """The file to write: ``meta`` (plain types) and ``state_dict``."""
        meta = {
            'converted_from': f'official {self.arch}',
            'low_resolution': self.low_resolution,
            'characters': self.characters,
            'settings': self.settings,
        }
        return {'meta': meta, 'state_dict': self.state_dict}
