"""How much memory a computation needs."""
from __future__ import annotations

from inspect import signature
from typing import Any, Callable, Iterable

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

# Older profilers keep all events without being asked.
_KEEPING: dict[str, Any] = {'acc_events': True} if 'acc_events' in signature(
    profile).parameters else {}


def peak_bytes(call: Callable[[], Any], device: torch.device | str) -> int:
    """Most memory that was allocated at once during a call, on top of what was before it.

    On a GPU this is the allocator's own peak. On the CPU it is the running sum of the profiler's
    allocation events: the same number in every run, unlike the resident set of the process,
    which depends on what the C library kept from earlier calls. Memory that libraries such as
    oneDNN take past PyTorch's allocator is not seen, nor does freeing what was there before count.

    Args:
        call: What to measure.
        device: Where its tensors are.

    Returns:
        Bytes.
    """
    if torch.device(device).type == 'cuda':
        return _cuda_peak(call)
    return _cpu_peak(call)


def tensor_bytes(tensors: Iterable[Any]) -> int:
    """Memory of tensors; shared storage counts once, what is no tensor counts nothing.

    Args:
        tensors: For example the values of a state dict.
    """
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes()
                for t in tensors if isinstance(t, Tensor)}
    return sum(storages.values())


def _cuda_peak(call: Callable[[], Any]) -> int:
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def _cpu_peak(call: Callable[[], Any]) -> int:
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, **_KEEPING) as run:
        call()
    kineto: Any = run.profiler
    events = [e for e in kineto.kineto_results.events() if e.name() == '[memory]']
    now = peak = 0
    for event in sorted(events, key=_begin):
        now += event.nbytes()
        peak = max(peak, now)
    return peak


def _begin(event: Any) -> int:
    """When it was; PyTorch 2.0 has no nanoseconds."""
    return event.start_ns() if hasattr(event, 'start_ns') else event.start_us()
