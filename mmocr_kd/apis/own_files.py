"""Writing files that destroys nothing: all or nothing, and never over what others wrote."""
from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import torch

_MARK = 'written_by'


def require_own_checkpoint(out: Path, tool: str) -> None:
    """Refuse to replace what another program wrote, a training's checkpoint above all.

    Args:
        out: Where a checkpoint will be written.
        tool: Who writes it.

    Raises:
        FileExistsError: If there is something else.
    """
    if out.exists() and _written_by(out) != tool:
        raise FileExistsError(f'{out} exists and was not written by {tool}: delete it, or give '
                              'the result another name')


def _written_by(path: Path) -> Any:
    try:
        return torch.load(path, map_location='cpu', weights_only=True)['meta'][_MARK]
    except Exception:  # a folder, no checkpoint, or one of others: torch raises many types
        return None


def save_checkpoint(checkpoint: dict[str, Any], out: Path, tool: str) -> None:
    """Write all or nothing: an interruption leaves an older ``out`` as it was.

    Args:
        checkpoint: What to write: ``meta`` and ``state_dict``.
        out: Where; its folder is made if missing.
        tool: Who writes it; noted in ``meta``, so that the tool knows its own.

    Raises:
        FileExistsError: If something else is there.
    """
    require_own_checkpoint(out, tool)
    marked = {**checkpoint, 'meta': {**checkpoint['meta'], _MARK: tool}}
    with _whole(out) as part:
        torch.save(marked, part)


def require_own_text(out: Path, first_line: str) -> None:
    """Refuse to replace a text, above all a config, that a user wrote.

    Args:
        out: Where a text will be written.
        first_line: What texts of the tool begin with.

    Raises:
        FileExistsError: If there is another.
    """
    if out.exists() and not (out.is_file() and out.read_bytes().startswith(first_line.encode())):
        raise FileExistsError(f'{out} exists and was not written by this tool: it does not begin '
                              f'with {first_line!r}. Delete it, or give the result another name')


def save_text(text: str, out: Path, first_line: str) -> None:
    """Write all or nothing.

    Args:
        text: What to write below the first line.
        out: Where; its folder is made if missing.
        first_line: Who wrote it, for :func:`require_own_text`.

    Raises:
        FileExistsError: If something else is there.
    """
    require_own_text(out, first_line)
    with _whole(out) as part:
        part.write_text(f'{first_line}\n{text}')


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A file to write, which becomes ``out`` once it is whole."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f'{out.name}.{os.getpid()}.part')
    try:
        yield part
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
