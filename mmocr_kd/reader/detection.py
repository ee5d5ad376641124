"""What a text detector found: probability maps into polygons."""
from __future__ import annotations

from typing import Any, Callable

import cv2
import numpy as np
import pyclipper

from .growing import group_pixels, grow_kernels
from .onnx_file import OnnxFile
from .resizing import Prepared, prepare
from .selection import Selector, shrunk

# Polygons, and their scores in 0..1.
Found = tuple[list[np.ndarray], list[float]]


class Detector:
    """Finds text on photos.

    Args:
        file: An exported detector.
        selector: Chooses how small it may see each photo; None: it sees all as its tests do, at
            the scale of ``about['shrink']`` if there is one.

    Raises:
        ValueError: If it is none.
    """

    def __init__(self, file: OnnxFile, selector: Selector | None = None) -> None:
        file.require('detection', '--det')
        self.file, self.selector = file, selector
        self._rule = file.about.get('shrink') if selector is None else selector.rule

    def __call__(self, photo: np.ndarray) -> Found:
        """Find the text on a photo.

        Args:
            photo: BGR, uint8, shape (H, W, 3).

        Returns:
            Polygons, shape (n, 2), n >= 4, in pixels of the photo, and their scores in 0..1; in
            the order in which MMOCR's postprocessor gives them.
        """
        return self.find(self.see(photo)[1])

    def see(self, photo: np.ndarray) -> tuple[Prepared, Prepared]:
        """A photo at full resolution, and as the network is shown it: the same, or smaller.

        Args:
            photo: See :meth:`__call__`.
        """
        full = prepare(photo, self.file.about['image'])
        return full, full if self._rule is None else shrunk(full, self.scale(full), self._rule)

    def scale(self, full: Prepared) -> float:
        """How small the network is shown a photo, in (0, 1].

        Args:
            full: At full resolution.
        """
        if self.selector is not None:
            return self.selector.choose(full)
        return 1. if self._rule is None else float(self._rule['scale'])

    def find(self, shown: Prepared) -> Found:
        """Find the text on a photo; see :meth:`__call__`.

        Args:
            shown: As the network is shown it.
        """
        return place_text(self.file(shown.pixels[None], np.ones(1))[0], shown.scale,
                          self.file.about['postprocessor'])


def place_text(maps: np.ndarray, scale: tuple[float, float], rule: dict[str, Any]) -> Found:
    """Polygons in the maps of one image, shape (n, 2), in pixels of its photo, and their scores.

    Args:
        maps: See :func:`find_text`.
        scale: Width and height that the network saw, relative to the photo's.
        rule: See :func:`find_text`.
    """
    polygons, scores = find_text(maps, rule)
    factors, downsampled = np.array(scale, np.float32), rule.get('downsample_ratio', 1.)
    return [np.asarray(polygon, np.float32).reshape(-1, 2) / np.float32(downsampled) / factors
            for polygon in polygons], scores


def find_text(maps: np.ndarray, rule: dict[str, Any]) -> Found:
    """Polygons (x, y, ...) in pixels of the maps, and their scores.

    Each rule does what MMOCR's postprocessor does, in the same order.

    Args:
        maps: What the graph gives: (H, W) of a DBNet, (C, h, w) of a PSENet or PANet.
        rule: ``kind`` ('db', 'pse' or 'pan') and the fields of the postprocessor.
    """
    return _RULES[rule['kind']](np.asarray(maps, np.float32), rule)


def _db(probs: np.ndarray, rule: dict[str, Any]) -> Found:
    """MMOCR's ``DBPostprocessor``."""
    mask = (probs > np.float32(rule['mask_thr'])).astype(np.uint8) * 255
    contours, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    polygons, scores = [], []
    for contour in contours[:rule['max_candidates'] + 1]:
        epsilon = rule['epsilon_ratio'] * cv2.arcLength(contour, True)
        points = cv2.approxPolyDP(contour, epsilon, True).reshape(-1, 2)
        score = _mean_inside(probs, points) if len(points) >= 4 else 0.
        if len(points) < 4 or score < rule['min_text_score']:
            continue
        polygon = _shaped(_unclipped(points, rule['unclip_ratio']), rule)
        if len(polygon) >= 4:
            polygons.append(polygon.ravel())
            scores.append(score)
    return polygons, scores


def _shaped(polygon: np.ndarray, rule: dict[str, Any]) -> np.ndarray:
    if rule['text_repr_type'] == 'poly' or not len(polygon):
        return polygon
    box = cv2.minAreaRect(polygon)
    return cv2.boxPoints(box) if min(box[1]) >= rule['min_text_width'] else polygon[:0]


def _mean_inside(probs: np.ndarray, points: np.ndarray) -> float:
    low, high = points.min(0), points.max(0)
    mask = np.zeros(high[::-1] - low[::-1] + 1, np.uint8)
    cv2.fillPoly(mask, [(points - low).astype(np.int32)], (1, ))
    return cv2.mean(probs[low[1]:high[1] + 1, low[0]:high[0] + 1], mask)[0]


def _unclipped(points: np.ndarray, ratio: float) -> np.ndarray:
    """The polygon, grown by area / perimeter times a ratio; empty if it falls apart."""
    following = np.roll(points, -1, 0).astype(float)
    area = abs(np.sum(points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0])) / 2
    distance = area * ratio / np.linalg.norm(following - points, axis=1).sum()
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(points.tolist(), pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    grown = offset.Execute(distance)
    return np.array(grown[0] if len(grown) == 1 else [], np.float32).reshape(-1, 2)


def _pse(probs: np.ndarray, rule: dict[str, Any]) -> Found:
    """MMOCR's ``PSEPostprocessor``."""
    masks = probs > np.float32(rule['min_kernel_confidence'])
    labels = grow_kernels((masks * masks[0]).astype(np.uint8), rule['min_kernel_area'])
    polygons: list[np.ndarray] = []
    scores: list[float] = []
    for label in range(1, labels.max() + 1):
        inside = labels == label
        score = float(probs[0][inside].mean()) if inside.any() else 0.
        if inside.sum() >= rule['min_text_area'] or score > rule['score_threshold']:
            _keep(np.argwhere(inside)[:, ::-1], score, rule, polygons, scores)
    return polygons, scores


def _pan(maps: np.ndarray, rule: dict[str, Any]) -> Found:
    """MMOCR's ``PANPostprocessor``."""
    text = maps[0] > np.float32(rule['min_text_confidence'])
    kernel = (maps[1] > np.float32(rule['min_kernel_confidence'])) & text
    vectors = (maps[2:] * text.astype(np.float32)).transpose(1, 2, 0)
    polygons: list[np.ndarray] = []
    scores: list[float] = []
    for inside in group_pixels(text, kernel, vectors, rule['distance_threshold']):
        score = float(maps[0][inside].mean()) if inside.any() else 0.
        if inside.sum() >= rule['min_text_area'] and score > rule['score_threshold']:
            _keep(np.argwhere(inside)[:, ::-1], score, rule, polygons, scores)
    return polygons, scores


def _keep(points: np.ndarray, score: float, rule: dict[str, Any], polygons: list[np.ndarray],
          scores: list[float]) -> None:
    """Note the boundary of pixels (n, 2), if there is one."""
    boundary = _boundary(points.astype(np.int32), rule) if len(points) else points
    if boundary.size >= 8:
        polygons.append(boundary.ravel())
        scores.append(score)


def _boundary(points: np.ndarray, rule: dict[str, Any]) -> np.ndarray:
    if rule['text_repr_type'] == 'quad':
        return np.asarray(cv2.boxPoints(cv2.minAreaRect(points)))
    width, height = points.max(0) + 10
    mask = np.zeros((height, width), np.uint8)
    mask[points[:, 1], points[:, 0]] = 255
    return cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0][0]


_RULES: dict[str, Callable[[np.ndarray, dict[str, Any]], Found]] = {
    'db': _db, 'pse': _pse, 'pan': _pan}
