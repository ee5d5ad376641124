"""Fields of a config that a command line replaces."""
from __future__ import annotations

from typing import Any, Iterable


def parsed(options: Iterable[str]) -> dict[str, Any]:
    """Values as MMEngine's tools read them.

    Args:
        options: Such as 'model.price=2'.
    """
    from mmengine.config import DictAction  # takes a while, which --help shall not
    return {key: DictAction._parse_iterable(value)
            for key, _, value in (option.partition('=') for option in options)}
