"""Annotations of CASIA-10K and of the TD-TR archive: a quad and a label per line."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmocr.datasets.preparers.parsers.base import BaseParser
from mmocr.registry import DATA_PARSERS

from .annotation_file import check_image, malformed, read_lines, to_numbers
from .quads import to_instance

_FORMAT = 'x1,y1,x2,y2,x3,y3,x4,y4,text'


@DATA_PARSERS.register_module()
class QuadTxtAnnParser(BaseParser):
    """Parse text files with a line ``x1,y1,x2,y2,x3,y3,x4,y4,text`` per text.

    The text is all that follows the eighth comma. Unlike MMOCR's ICDARTxtTextDetAnnParser it
    tries several encodings (sources disagree whether CASIA-10K's files are UTF-8 or GBK), orders
    corners, accepts a missing text, and its errors name file and line.

    Args:
        ignore: Texts that mark what losses and metrics ignore. CASIA-10K: '###'; the TD-TR
            archive of DB's authors writes '1' for a difficult line.
        encodings: Tried in this order.
        **kwargs: ``split`` and ``nproc``, set by MMOCR's preparer.
    """

    def __init__(self,
                 ignore: Sequence[str] = ('###', ),
                 encodings: Sequence[str] = ('utf-8-sig', 'gb18030'),
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignore = tuple(ignore)
        self.encodings = tuple(encodings)

    def parse_file(self, img_path: str, ann_path: str) -> tuple[str, list[dict]]:
        """Parse the annotations of one image.

        Args:
            img_path: Image file.
            ann_path: Its text file; an empty file is an image without text.

        Returns:
            ``img_path``, and a dict per line with ``poly`` (8 numbers, clockwise), ``text`` and
            ``ignore``. Quads without area are left out with a warning.

        Raises:
            FileNotFoundError: If a file is missing.
            ValueError: If the image cannot be read, a line is malformed, or the encoding is none
                of ``encodings``.
        """
        check_image(img_path)
        instances: list[dict] = []
        for line in read_lines(ann_path, self.encodings):
            values = line.text.split(',', 8)
            if len(values) < 8:
                raise malformed(line, _FORMAT)
            quad = np.reshape(to_numbers(line, values[:8], _FORMAT), (4, 2))
            text = values[8].strip() if len(values) > 8 else ''
            instances += to_instance(line, quad, ignore=text in self.ignore, text=text)
        return img_path, instances
