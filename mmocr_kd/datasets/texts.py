"""Transcriptions from files of unknown origin."""
from __future__ import annotations

from typing import Any, Iterable

import numpy as np


def as_text(value: Any, name: object) -> str:
    """The transcription that was meant.

    Args:
        value: What the annotation holds. JSON writers make a number of ``123``; there is one way
            to write an integer, so it is read as its digits. Other numbers may have been written
            otherwise: ``1.50`` arrives as 1.5.
        name: Path of the image, for messages.

    Raises:
        ValueError: If there is no text, or it cannot be told what was written.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(value)
    if value is None:
        raise ValueError(f'{name!r} has a word without a text: annotate it, leave it out, or mark '
                         "it as '###' where words can be ignored")
    raise ValueError(f'{name!r} has the text {value!r}, which is a {type(value).__name__}: '
                     f'expected a string; put it in quotes, "{value}", as it stands in the image')


def as_texts(values: Iterable[Any], ignored: Iterable[Any], name: object) -> list[str]:
    """The transcriptions of an image's words.

    Args:
        values: What the annotation holds, see :func:`as_text`.
        ignored: Whether nobody reads a word; '###' then stands for what is no text.
        name: Path of the image, for messages.

    Raises:
        ValueError: As :func:`as_text`, about words that are not ignored.
    """
    return [as_text(value, name) if isinstance(value, str) or not skip else '###'
            for value, skip in zip(values, ignored)]
