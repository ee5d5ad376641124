"""The background of a scene: a part of a photo, and things that look like text but are not."""
from __future__ import annotations

from typing import Callable

import cv2
import numpy as np

from .arrays import Image
from .assets import load_photo
from .color import contrasting, luminance, of_brightness
from .geometry import box_to_quad, overlaps
from .plan import ScenePlan

# Left, top, width and height in pixels.
Place = tuple[int, int, int, int]


def paint_background(plan: ScenePlan) -> Image:
    """Cut, flip and tint a part of the plan's photo, then put clutter on it.

    Args:
        plan: Which photo, and the seed of what to do with it.

    Returns:
        A fresh BGR image of shape (H, W, 3).

    Raises:
        ImportError: If the wheel that ships the photo is not installed.
    """
    rng = np.random.default_rng(plan.seed)
    image = _crop(rng, load_photo(plan.photo), plan.spec.image_size)
    image = _tint(rng, image)
    boards = np.reshape([placed.quad for placed in plan.blocks], (-1, 4, 2))
    for _ in range(rng.integers(5)):
        draw = _CLUTTER[rng.integers(len(_CLUTTER))]
        x, y, w, h = place = _draw_place(rng, plan.spec.image_size)
        # Clutter behind letters could change what they seem to say.
        if not overlaps(box_to_quad((x, y, x + w, y + h)), boards):
            draw(image, rng, place)
    return image


def _crop(rng: np.random.Generator, photo: Image, size: tuple[int, int]) -> Image:
    """A random part with the image's aspect ratio, 45 to 100 % as large as possible."""
    height, width = photo.shape[:2]
    scale = min(width / size[0], height / size[1]) * rng.uniform(0.45, 1)
    w, h = max(1, int(scale * size[0])), max(1, int(scale * size[1]))
    x, y = rng.integers(width - w + 1), rng.integers(height - h + 1)
    part = photo[y:y + h, x:x + w]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    return cv2.resize(part, size, interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC)


def _tint(rng: np.random.Generator, image: Image) -> Image:
    """Change contrast, brightness and colour balance through one look-up table per channel."""
    gain = rng.uniform(0.55, 1.1) * rng.uniform(0.85, 1.15, 3)
    offset = rng.uniform(-20, 40)
    table = np.clip(np.arange(256)[:, None] * gain + offset, 0, 255).astype(np.uint8)
    return cv2.LUT(image, table[None])


def _draw_place(rng: np.random.Generator, size: tuple[int, int]) -> Place:
    w, h = int(size[0] * rng.uniform(0.05, 0.35)), int(size[1] * rng.uniform(0.05, 0.25))
    return int(rng.integers(size[0] - w)), int(rng.integers(size[1] - h)), w, h


def _draw_color(image: Image, rng: np.random.Generator, place: Place) -> list[float]:
    x, y, w, h = place
    behind = luminance(np.array(cv2.mean(image[y:y + h, x:x + w])[:3]))
    return contrasting(rng, behind, 30).tolist()


def _empty_sign(image: Image, rng: np.random.Generator, place: Place) -> None:
    x, y, w, h = place
    fill = of_brightness(rng, rng.uniform(0, 255))
    cv2.rectangle(image, (x, y), (x + w, y + h), fill.tolist(), -1)
    cv2.rectangle(image, (x, y), (x + w, y + h), contrasting(rng, luminance(fill)).tolist(),
                  int(rng.integers(1, 4)))


def _fence(image: Image, rng: np.random.Generator, place: Place) -> None:
    x, y, w, h = place
    color = _draw_color(image, rng, place)
    step = int(rng.integers(4, 13))
    for left in range(x, x + w, step):
        cv2.rectangle(image, (left, y), (left + max(1, step // 3), y + h), color, -1)


def _window(image: Image, rng: np.random.Generator, place: Place) -> None:
    x, y, w, h = place
    color = _draw_color(image, rng, place)
    columns, rows = rng.integers(2, 6, 2)
    for left in np.linspace(x, x + w, columns).astype(int).tolist():
        cv2.line(image, (left, y), (left, y + h), color, 2, cv2.LINE_AA)
    for top in np.linspace(y, y + h, rows).astype(int).tolist():
        cv2.line(image, (x, top), (x + w, top), color, 2, cv2.LINE_AA)


def _rings(image: Image, rng: np.random.Generator, place: Place) -> None:
    x, y, w, h = place
    color = _draw_color(image, rng, place)
    radius = max(2, min(w, h) // 3)
    for left in range(x + radius, x + w, 3 * radius):
        cv2.circle(image, (left, y + h // 2), radius, color, max(1, radius // 3), cv2.LINE_AA)


_CLUTTER: tuple[Callable[[Image, np.random.Generator, Place], None], ...] = (
    _empty_sign, _fence, _window, _rings)
