"""Finds and reads the text on photos."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Sequence

import cv2
import numpy as np

from .detection import Detector
from .lines import line_order
from .quads import quad_size, reading_order, upright
from .recognition import Recognizer


@dataclass
class Text:
    """A text on a photo.

    Attributes:
        polygon: In pixels of the photo, shape (n, 2); None where a whole image is a word.
        score: How sure the detector is, in 0..1; None without one.
        text: What was read; None without a recogniser.
        text_score: Mean probability of its characters, in 0..1; None without a recogniser.
    """

    polygon: np.ndarray | None = None
    score: float | None = None
    text: str | None = None
    text_score: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values: what is None is left out; corners to a tenth of a pixel."""
        fields = {'polygon': self.polygon if self.polygon is None else
                  self.polygon.astype(float).round(1).tolist(), 'score': self.score,
                  'text': self.text, 'text_score': self.text_score}
        return {key: round(value, 4) if isinstance(value, float) else value
                for key, value in fields.items() if value is not None}


class Reader:
    """Reads photos with a detector, a recogniser, or both.

    A detector alone gives polygons. A recogniser alone takes each image as one word. Together,
    words are cut out and read: as a spotter cuts them, if that is what the recogniser comes from;
    else the smallest rectangle around each polygon upright, as ``mmocr-kd pseudo-label --read``
    cuts words for training.

    Args:
        detector: Finds texts.
        recognizer: Reads them.
        min_score: Texts whose detection is less sure are left out.

    Raises:
        ValueError: Without any.
    """

    def __init__(self, detector: Detector | None = None, recognizer: Recognizer | None = None,
                 min_score: float = 0.) -> None:
        if detector is None and recognizer is None:
            raise ValueError('a Reader needs a detector, a recognizer, or both')
        self.detector, self.recognizer, self.min_score = detector, recognizer, min_score

    def __call__(self, photo: np.ndarray) -> list[Text]:
        """Read a photo.

        Args:
            photo: BGR, uint8, shape (H, W, 3).

        Returns:
            Its texts, in reading order.
        """
        texts = self.spot(photo)
        if self.detector is None:
            return texts
        return [texts[index] for index in line_order([_quad(text.polygon) for text in texts])]

    def spot(self, photo: np.ndarray) -> list[Text]:
        """Read a photo.

        Args:
            photo: See :meth:`__call__`.

        Returns:
            Its texts, in the order in which the detector finds them.
        """
        texts, words = ([Text()], [photo]) if self.detector is None else self._found(
            self.detector, photo)
        if self.recognizer is not None:
            for text, (read, sure) in zip(texts, self.recognizer(words)):
                text.text, text.text_score = read, sure
        return texts

    def _found(self, detector: Detector,
               photo: np.ndarray) -> tuple[list[Text], list[np.ndarray]]:
        """Texts, and their words if there is somebody to read them."""
        full, shown = detector.see(photo)
        texts = [Text(polygon, score) for polygon, score in zip(*detector.find(shown))
                 if score >= self.min_score]
        polygons = [text.polygon for text in texts if text.polygon is not None]
        if self.recognizer is None:
            return texts, []
        if self.recognizer.cut is None:
            return texts, [word_of(photo, polygon) for polygon in polygons]
        return texts, self.recognizer.cut(full, shown, detector.file.about['image'], polygons)


def word_of(photo: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Cut a text out of a photo, upright.

    Args:
        photo: Shape (H, W, 3).
        polygon: Around it, shape (n, 2).
    """
    quad = _quad(polygon).ravel().tolist()
    return upright(photo, quad) if min(quad_size(quad)) >= 1 else photo[:1, :1]


def _quad(polygon: Sequence[Any] | np.ndarray | None) -> np.ndarray:
    """The smallest rectangle around a polygon, in reading order, shape (4, 2)."""
    return reading_order(cv2.boxPoints(cv2.minAreaRect(np.asarray(polygon, np.float32))))
