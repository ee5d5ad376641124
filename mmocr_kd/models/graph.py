"""What models have to know about being recorded as a graph."""
from __future__ import annotations

import torch


def is_drawn() -> bool:
    """Whether PyTorch records this pass for other inputs: to trace it, or export it to ONNX.

    What depends on values rather than shapes is then fixed for ever. Compiling is no such case:
    ``torch.compile`` looks again.
    """
    exporting = getattr(torch.compiler, 'is_exporting', torch.compiler.is_compiling)  # before 2.7
    return torch.jit.is_tracing() or exporting()
