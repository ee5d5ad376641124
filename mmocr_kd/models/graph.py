"""What models have to know about being recorded as a graph."""
from __future__ import annotations

from typing import Any

import torch


def is_drawn() -> bool:
    """Whether PyTorch records this pass for other inputs: to trace it, or export it to ONNX.

    What depends on values rather than shapes is then fixed for ever. Compiling is no such case:
    ``torch.compile`` looks again.
    """
    compiler: Any = getattr(torch, 'compiler', None)  # PyTorch 2.0 has none, is_exporting is of 2.7
    exporting = getattr(compiler, 'is_exporting', getattr(compiler, 'is_compiling', bool))
    return torch.jit.is_tracing() or exporting()
