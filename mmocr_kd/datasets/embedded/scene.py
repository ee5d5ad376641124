"""A finished scene: the image with its annotations, and the words cut out of it."""
from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from .arrays import Array, Image
from .degrade import degrade
from .paint import paint_scene
from .plan import Word, plan_scene
from .spec import SceneSpec


class Scene(NamedTuple):
    """An image and its words.

    Args:
        image: BGR image of shape (H, W, 3).
        words: Annotations.
    """

    image: Image
    words: list[Word]


def render_scene(spec: SceneSpec, index: int) -> Scene:
    """Make image ``index`` of a data set, the same in every process.

    Args:
        spec: The data set.
        index: Which image, >= 0.

    Raises:
        ImportError: If a wheel that ships fonts or photos is not installed.
    """
    plan = plan_scene(spec, index)
    return Scene(degrade(paint_scene(plan), plan.degradation), plan.words)


# Small images: 512 scenes of ten words are some 50 MB. Words are read one by one, in any order.
@lru_cache(maxsize=512)
def render_words(spec: SceneSpec, index: int) -> tuple[Image, ...]:
    """The readable words of a scene, cut out and straightened, in the order of its words.

    Args:
        spec: The data set.
        index: Which image, >= 0.

    Returns:
        Read-only BGR images of shape (h, w, 3), one per word that is not ignored.

    Raises:
        ImportError: If a wheel that ships fonts or photos is not installed.
    """
    image, words = render_scene(spec, index)
    crops = tuple(rectify(image, word.quad) for word in words if not word.ignore)
    for crop in crops:
        crop.setflags(write=False)
    return crops


def rectify(image: Image, quad: Array, margin: float = 0.1) -> Image:
    """Cut a quad out of an image and straighten it.

    Args:
        image: BGR image of shape (H, W, 3).
        quad: Corners of shape (4, 2), clockwise from the top left of what it holds.
        margin: Room to leave on each side, in heights of the quad.

    Returns:
        BGR image of shape (h, w, 3), as large as the quad with its margin, at least 4x4. Where
        it reaches beyond the image, the border is repeated.
    """
    sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    width, height = max(sides[0], sides[2]), max(sides[1], sides[3])
    pad = margin * height
    size = (max(4, round(width + 2 * pad)), max(4, round(height + 2 * pad)))
    flat = np.array([[pad, pad], [size[0] - pad, pad], [size[0] - pad, size[1] - pad],
                     [pad, size[1] - pad]], np.float32)
    homography = cv2.getPerspectiveTransform(quad.astype(np.float32), flat)
    return cv2.warpPerspective(image, homography, size, borderMode=cv2.BORDER_REPLICATE)
