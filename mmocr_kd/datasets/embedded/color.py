"""Colours that stand out: text must be readable on whatever lies behind it."""
from __future__ import annotations

import numpy as np

from .arrays import Color

# Rec. 601 luma, in BGR order.
LUMA = np.array([0.114, 0.587, 0.299])


def luminance(color: Color) -> float:
    """Brightness of a BGR colour of shape (3,), in [0, 255] as the colour itself."""
    return float(LUMA @ color)


def contrasting(rng: np.random.Generator, behind: float, least: float = 70.0) -> Color:
    """Draw a colour whose brightness differs clearly from what is behind it.

    Args:
        rng: Source of randomness.
        behind: Brightness behind the text in [0, 255].
        least: Smallest difference of brightness, up to 127.

    Returns:
        BGR colour of shape (3,) within [0, 255].
    """
    brighter = rng.random() < 0.5
    # Go the other way where that one has no room: one of the two always has 127.
    room = 255 - behind if brighter else behind
    if room < least:
        brighter, room = not brighter, 255 - room
    contrast = rng.uniform(least, room)
    return of_brightness(rng, behind + contrast if brighter else behind - contrast)


def of_brightness(rng: np.random.Generator, wanted: float) -> Color:
    """Draw a colour of exactly the brightness ``wanted`` in [0, 255]; two in five are grey.

    Args:
        rng: Source of randomness.
        wanted: Brightness in [0, 255].

    Returns:
        BGR colour of shape (3,) within [0, 255].
    """
    saturation = rng.random() if rng.random() < 0.6 else 0.0
    tint = rng.uniform(-255, 255, 3) * saturation
    tint -= luminance(tint)
    # Scale the tint down until the colour is within the cube; grey always is.
    room = np.where(tint > 0, 255 - wanted, wanted)
    scale = np.min(np.divide(room, np.abs(tint), out=np.ones(3), where=np.abs(tint) > 1e-9))
    return np.clip(wanted + min(1.0, float(scale)) * tint, 0, 255)
