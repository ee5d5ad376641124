"""Starting a student from its teacher's weights: by name and shape, nothing silently left over."""
from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Callable, Iterable, Mapping, Sequence

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from .errors import InheritanceError

# Makes a student's tensor of the given shape out of the teacher's tensor of the same name.
Initializer = Callable[[Tensor, torch.Size], Tensor]


@dataclass(frozen=True)
class Inheritance:
    """What became of each key, in the order of the state dicts.

    Args:
        copied: Keys whose tensors are now the teacher's.
        converted: Keys of another shape, made out of the teacher's tensors by an initializer.
        reinitialised: Keys of the student that the teacher lacks or has in another shape; they
            stay as the student was initialised.
        dropped: Keys of the teacher that the student lacks.
    """

    copied: list[str] = field(default_factory=list)
    converted: list[str] = field(default_factory=list)
    reinitialised: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f'{len(self.copied)} tensors inherited from the teacher']
        for name in ('converted', 'reinitialised', 'dropped'):
            keys = getattr(self, name)
            lines += [f'{name}: {", ".join(keys)}'] if keys else []
        return '; '.join(lines)


def inherit_weights(student: nn.Module,
                    teacher_state: Mapping[str, Tensor],
                    allowed: Sequence[str] = (),
                    initializers: Mapping[str, Initializer] | None = None) -> Inheritance:
    """Copy the teacher's weights into the student where name and shape agree, and log the rest.

    Either everything works out or the student is left untouched.

    Args:
        student: Receives the weights, buffers included.
        teacher_state: The teacher's state dict; any dtype and device.
        allowed: Shell patterns (``fnmatch``, case-sensitive) of keys that may be left over: the
            student's that the teacher lacks or has in another shape, and the teacher's that the
            student lacks.
        initializers: Pattern -> what makes a tensor of the student's shape out of the teacher's,
            for keys whose shapes differ; the first pattern that matches counts.

    Returns:
        What became of each key.

    Raises:
        InheritanceError: If a key is left over that is not allowed, listing all of them.
        ValueError: From an initializer, if it cannot bridge the shapes.
    """
    own = student.state_dict()
    result, problems, state = Inheritance(), [], dict(own)
    for key, value in own.items():
        given = teacher_state.get(key)
        if given is not None and given.shape == value.shape:
            state[key] = given
            result.copied.append(key)
        elif given is not None and (convert := _first_match(key, initializers)):
            state[key] = convert(given, value.shape)
            result.converted.append(key)
        elif _matches(key, allowed):
            result.reinitialised.append(key)
        else:
            problems.append(_problem(key, value, given))
    result.dropped.extend(key for key in teacher_state if key not in own)
    problems += [f'  only in the teacher: {key}' for key in result.dropped
                 if not _matches(key, allowed)]
    _refuse(problems, allowed)
    student.load_state_dict(state)
    print_log(f'{type(student).__name__}: {result}', logger='current')
    return result


def keeps_own_start(wrapper: nn.Module, student: nn.Module) -> bool:
    """Whether a student must not be overwritten by its teacher: it has weights of its own.

    That is where the whole student, or the wrapper around it, has an ``init_cfg`` of type
    Pretrained. One of a part (an ImageNet backbone) gives way to the teacher.

    Args:
        wrapper: The distilling model.
        student: Its student.
    """
    own = any(_loads_weights(model) for model in (wrapper, student))
    if own:
        print_log(f'{type(student).__name__} starts from its own init_cfg=Pretrained, not from '
                  'the teacher', logger='current')
    return own


def _loads_weights(model: nn.Module) -> bool:
    cfg = getattr(model, 'init_cfg', None) or []
    return any(one['type'] == 'Pretrained' for one in (cfg if isinstance(cfg, list) else [cfg]))


def _matches(key: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in patterns)


def _first_match(key: str, initializers: Mapping[str, Initializer] | None) -> Initializer | None:
    return next((make for pattern, make in (initializers or {}).items()
                 if fnmatchcase(key, pattern)), None)


def _problem(key: str, value: Tensor, given: Tensor | None) -> str:
    if given is None:
        return f'  only in the student: {key}'
    return (f'  {key}: shape {tuple(value.shape)} in the student, {tuple(given.shape)} in the '
            f'teacher')


def _refuse(problems: list[str], allowed: Sequence[str]) -> None:
    if not problems:
        return
    raise InheritanceError(
        'the student cannot start from the teacher, these keys do not fit:\n'
        + '\n'.join(problems) + f'\nAllowed to differ are {list(allowed)}. Give a student that '
        f'differs from the teacher in the resolution only, allow these keys, or start from the '
        f"student's own initialisation.")
