"""From the mask of a detected word to its outline."""
from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

REPRESENTATIONS = ('poly', 'quad')


def mask_outline(mask: NDArray[Any], box: NDArray[Any], kind: str = 'poly',
                 tolerance: float = 1.0) -> NDArray[np.float32]:
    """Outline of the largest connected part of a mask.

    Args:
        mask: Whole image, bool, shape (H, W).
        box: The detected box (x1, y1, x2, y2); what is given back if the mask is empty or has no
            area (our choice, so that no detection is lost).
        kind: 'poly', or 'quad' for the smallest rectangle around it.
        tolerance: How far the polygon may be from the mask's contour, in pixels.

    Returns:
        Points (x, y), at least three, shape (P, 2).
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL,
                                   cv2.CHAIN_APPROX_SIMPLE)
    largest = max(contours, key=cv2.contourArea, default=None)
    if largest is None or not cv2.contourArea(largest):
        return np.asarray(box, np.float32)[[[0, 1], [2, 1], [2, 3], [0, 3]]]
    if kind == 'quad':
        outline = cv2.boxPoints(cv2.minAreaRect(largest))
    else:
        simpler = cv2.approxPolyDP(largest, tolerance, closed=True)
        outline = (simpler if len(simpler) > 2 else largest)[:, 0]
    return outline.astype(np.float32) + 0.5  # contours run through the middle of pixels
