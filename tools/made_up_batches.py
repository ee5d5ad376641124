"""Batches to measure with, as data loaders give them, without any data."""
from __future__ import annotations

import math
from typing import Any

import numpy as np
from mmengine.dataset import pseudo_collate
from mmocr.registry import TRANSFORMS


def texts_in_images(batch_size: int, size: tuple[int, int], polygons: int) -> dict[str, Any]:
    """Noise with rectangles annotated as text, packed as MMOCR's pipelines do.

    Args:
        batch_size: How many images.
        size: Height and width in pixels.
        polygons: Texts per image.
    """
    rng = np.random.default_rng(0)
    pack = TRANSFORMS.build(dict(type='PackTextDetInputs', meta_keys=('ori_shape', 'img_shape')))
    return pseudo_collate([pack(_text_image(rng, size, polygons)) for _ in range(batch_size)])


def word_pairs(batch_size: int, low: tuple[int, int], high: tuple[int, int], channels: int,
               charset: str, letters: int) -> dict[str, Any]:
    """Noise, small and large, labelled with random words, packed as this package does.

    Args:
        batch_size: How many pairs.
        low: Height and width of the small images.
        high: Those of the large ones.
        channels: 1 or 3.
        charset: What words are made of.
        letters: Of the longest word, which is the first; the others have 1 to as many.
    """
    rng = np.random.default_rng(0)
    pack = TRANSFORMS.build(dict(type='PackPairedTextRecogInputs',
                                 meta_keys=('ori_shape', 'img_shape', 'valid_ratio')))
    lengths = [letters, *rng.integers(1, letters + 1, batch_size - 1)]
    words = [''.join(rng.choice(list(charset), length)) for length in lengths]
    return pseudo_collate([pack(dict(
        img=_noise(rng, low, channels), hr_img=_noise(rng, high, channels), ori_shape=low,
        img_shape=low, valid_ratio=1.0, gt_texts=[word])) for word in words])


def pages(batch_size: int, size: tuple[int, int], words: int, charset: str,
          letters: int = 8) -> dict[str, Any]:
    """Noise annotated with horizontal words, packed for text spotting.

    Args:
        batch_size: How many images.
        size: Height and width in pixels.
        words: Per image; they stand in a grid and do not touch.
        charset: What words are made of.
        letters: Of the longest words; the others have 1 to as many.
    """
    rng = np.random.default_rng(0)
    pack = TRANSFORMS.build(dict(
        type='PackTextSpottingInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor')))
    return pseudo_collate([pack(_page(rng, size, words, charset, letters))
                           for _ in range(batch_size)])


def _page(rng: np.random.Generator, size: tuple[int, int], words: int, charset: str,
          letters: int) -> dict[str, Any]:
    boxes = _grid(size, words)
    return dict(
        img=_noise(rng, size, 3), img_path='made up', ori_shape=size, img_shape=size,
        scale_factor=(1.0, 1.0), gt_bboxes=boxes, gt_bboxes_labels=np.zeros(words, np.int64),
        gt_ignored=np.zeros(words, bool),
        gt_polygons=[box[[0, 1, 2, 1, 2, 3, 0, 3]] for box in boxes],
        gt_texts=[''.join(rng.choice(list(charset), rng.integers(1, letters + 1)))
                  for _ in range(words)])


def _grid(size: tuple[int, int], words: int) -> np.ndarray:
    """Boxes (x1, y1, x2, y2) in twice as many rows as columns, each half as high as its cell."""
    columns = math.ceil(math.sqrt(words / 2))
    rows = math.ceil(words / max(columns, 1))
    cells = [(column, row) for row in range(rows) for column in range(columns)][:words]
    corners = np.array([(x + .1, y + .25, x + .9, y + .75) for x, y in cells], np.float32)
    cell = np.array([size[1] / max(columns, 1), size[0] / max(rows, 1)] * 2, np.float32)
    return corners.reshape(-1, 4) * cell


def _text_image(rng: np.random.Generator, size: tuple[int, int], polygons: int) -> dict[str, Any]:
    scale = np.tile(size[::-1], 2)
    corners = np.stack([rng.uniform(low, low + .4, polygons) for low in (0, 0, .4, .4)], 1)
    boxes = ((corners - .4) * rng.uniform(.2, .5, (polygons, 1)) + .5) * scale
    boxes = boxes.astype(np.float32)
    return dict(
        img=_noise(rng, size, 3), ori_shape=size, img_shape=size,
        gt_bboxes=boxes, gt_bboxes_labels=np.zeros(polygons, np.int64),
        gt_ignored=np.zeros(polygons, bool),
        gt_polygons=[box[[0, 1, 2, 1, 2, 3, 0, 3]] for box in boxes])


def _noise(rng: np.random.Generator, size: tuple[int, int], channels: int) -> np.ndarray:
    return rng.integers(0, 256, (*size, channels), dtype=np.uint8)
