"""Names for the arrays of the embedded data set; OpenCV's own annotations do not tell dtypes."""
from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# uint8, shape (H, W, 3) in BGR order, or (H, W) for a mask.
Image = NDArray[Any]
# A layer of paint, float32, shape (H, W, 4): colours times their opacity, and the opacity.
Layer = NDArray[Any]
# BGR, shape (3,), each within [0, 255].
Color = NDArray[np.float64]
# Points of shape (N, 2), or a homography of shape (3, 3).
Array = NDArray[Any]
# Left, top, right, bottom in pixels.
Box = tuple[float, float, float, float]
