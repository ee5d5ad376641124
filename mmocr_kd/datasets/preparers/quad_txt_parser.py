"""Annotations of CASIA-10K and of the TD-TR archive: a quad and a label per line."""
from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmocr.datasets.preparers.parsers.base import BaseParser
from mmocr.registry import DATA_PARSERS

from .annotation_file import Line, check_image, malformed, read_lines, to_numbers
from .quads import to_instance

_QUAD = 'x1,y1,x2,y2,x3,y3,x4,y4'
# Two or more numbers of a coordinate's size; what follows is another column, or nothing.
_MORE_POINTS = re.compile(r'(\s*-?\d{1,5}(\.\d*)?\s*(,|$)){2,}')
# A sum of money: '1,250' or '12,000,000'.
_THOUSANDS = re.compile(r'\d{1,3}(,\d{3})+')


@DATA_PARSERS.register_module()
class QuadTxtAnnParser(BaseParser):
    """Parse text files with a line ``x1,y1,x2,y2,x3,y3,x4,y4,text`` per text.

    The text is all that follows the eighth comma. Unlike MMOCR's ICDARTxtTextDetAnnParser it
    tries several encodings (sources disagree whether CASIA-10K's files are UTF-8 or GBK), orders
    corners, accepts a missing text, and its errors name file and line. Other formats are refused
    where they can be told from texts: polygons of more points, and columns between quad and text.

    Args:
        ignore: Texts that mark what losses and metrics ignore. CASIA-10K: '###'; the TD-TR
            archive of DB's authors writes '1' for a difficult line.
        encodings: Tried in this order.
        columns: What stands behind the quad, of which one is 'text' and others are left alone; the
            last is all that follows. The MLT data sets have ``('language', 'text')``.
        check_columns: Refuse texts that look like further columns: '10,20,a' begins with a point,
            'Latin,###' ends with a mark. False takes them as they are.
        **kwargs: ``split`` and ``nproc``, set by MMOCR's preparer.
    """

    def __init__(self,
                 ignore: Sequence[str] = ('###', ),
                 encodings: Sequence[str] = ('utf-8-sig', 'gb18030'),
                 columns: Sequence[str] = ('text', ),
                 check_columns: bool = True,
                 **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(columns, str) or list(columns).count('text') != 1:
            raise ValueError(f"columns={columns!r} must name the columns behind the quad, and "
                             "'text' among them once")
        self.columns = tuple(columns)
        self.check_columns = check_columns
        self.format = ','.join((_QUAD, *columns))
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
                raise malformed(line, self.format)
            quad = np.reshape(to_numbers(line, values[:8], self.format), (4, 2))
            text = self._text(line, values[8]) if len(values) > 8 else ''
            instances += to_instance(line, quad, ignore=text in self.ignore, text=text)
        return img_path, instances

    def _text(self, line: Line, behind: str) -> str:
        """The text in what stands behind the quad."""
        values = behind.split(',', len(self.columns) - 1)
        if len(values) < len(self.columns):
            raise malformed(line, self.format)
        text = values[self.columns.index('text')].strip()
        if self.check_columns and self.columns[-1] == 'text':
            self._check(line, text)
        return text

    def _check(self, line: Line, text: str) -> None:
        more = 'if this is a text, set check_columns=False'
        if _MORE_POINTS.match(text) and not _THOUSANDS.fullmatch(text):
            raise malformed(line, self.format, 'more numbers follow: polygons of more than four '
                            f'points are not read by this parser; {more}')
        if ',' in text and text.rpartition(',')[2].strip() in self.ignore:
            raise malformed(line, self.format, 'a column stands before the mark: name it, for '
                            f"example columns=['language', 'text']; {more}")
