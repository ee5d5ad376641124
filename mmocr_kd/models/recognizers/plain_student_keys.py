"""State dicts in which a wrapped student has its own, plain keys."""
from __future__ import annotations

from typing import Any

from torch import nn

_STUDENT = 'student.'


class PlainStudentKeys(nn.Module):
    """Leaves ``student.`` out of the keys of a wrapper's state dict, and puts it back on loading.

    For wrappers whose submodule ``student`` is what the training is for. It works at any depth
    (EMA and DDP put a prefix in front), through PyTorch's and MMEngine's ways to save and load.
    Parameters keep their full names for optimizers.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._register_state_dict_hook(_shorten)
        # The public name is new in PyTorch 2.5.
        self._register_load_state_dict_pre_hook(_lengthen, with_module=True)


def _shorten(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    long = prefix + _STUDENT
    for key in [key for key in state_dict if key.startswith(prefix)]:
        value = state_dict.pop(key)  # all of them, to keep the order
        state_dict[prefix + key.removeprefix(long) if key.startswith(long) else key] = value


def _lengthen(module: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    own = tuple(prefix + name for name, child in module.named_children() if name != 'student')
    for key in [key for key in state_dict if key.startswith(prefix)]:
        if not key.startswith((prefix + _STUDENT, *(name + '.' for name in own))):
            state_dict[prefix + _STUDENT + key.removeprefix(prefix)] = state_dict.pop(key)
