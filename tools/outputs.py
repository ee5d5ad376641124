"""What tools share: errors in one line."""
from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turn errors about files, fields and values into their message, without a traceback."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from error
