"""Annotations of MSRA-TD500 and HUST-TR400: rotated boxes around text lines."""
from __future__ import annotations

import numpy as np
from mmocr.datasets.preparers.parsers.base import BaseParser
from mmocr.registry import DATA_PARSERS

from .annotation_file import check_image, malformed, read_lines, to_numbers
from .quads import to_instance

_FORMAT = 'index difficult x y width height theta'


@DATA_PARSERS.register_module()
class TD500AnnParser(BaseParser):
    """Parse the ``.gt`` files of MSRA-TD500 and HUST-TR400.

    A line is ``index difficult x y width height theta``, separated by blanks: the box with top
    left corner (x, y), rotated around its centre by theta radians, clockwise as the image is seen
    (y points down). Lines labelled difficult (1) are ignored in training and evaluation, as in
    the data set's own protocol. Source: the data set's files, and several converters that agree.

    Args:
        split: 'train' or 'test', set by MMOCR's preparer.
        nproc: Number of processes.
    """

    def parse_file(self, img_path: str, ann_path: str) -> tuple[str, list[dict]]:
        """Parse the annotations of one image.

        Args:
            img_path: Image file.
            ann_path: Its ``.gt`` file; an empty file is an image without text.

        Returns:
            ``img_path``, and a dict per text line with ``poly`` (8 numbers, clockwise from the
            corner that was top left before the rotation) and ``ignore``. Boxes without area are
            left out with a warning.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If the image cannot be read or a line is malformed.
        """
        check_image(img_path)
        instances: list[dict] = []
        for line in read_lines(ann_path):
            values = line.text.split()
            if len(values) != 7 or values[1] not in ('0', '1'):
                raise malformed(line, _FORMAT)
            x, y, width, height, theta = to_numbers(line, values[2:], _FORMAT)
            box = rotated_box(x, y, width, height, theta)
            instances += to_instance(line, box, ignore=values[1] == '1')
        return img_path, instances


def rotated_box(x: float, y: float, width: float, height: float, theta: float) -> np.ndarray:
    """Corners of an upright box that was rotated around its centre.

    Args:
        x: Left side before the rotation, in pixels.
        y: Top side before the rotation, in pixels.
        width: Width in pixels.
        height: Height in pixels.
        theta: Rotation in radians, clockwise as the image is seen.

    Returns:
        Shape (4, 2), clockwise from what was the top left corner.
    """
    center = np.array([x + width / 2, y + height / 2])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    sin, cos = np.sin(theta), np.cos(theta)
    return center + corners @ np.array([[cos, sin], [-sin, cos]])
