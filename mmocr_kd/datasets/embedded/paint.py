"""From a scene plan to pixels, before camera and light have their say."""
from __future__ import annotations

import cv2
import numpy as np
import PIL.Image
from PIL import ImageDraw

from .arrays import Array, Color, Image, Layer
from .assets import load_font
from .background import paint_background
from .block import BlockPlan
from .color import contrasting, luminance, of_brightness
from .geometry import translation
from .plan import PlacedBlock, ScenePlan

# Standard deviation of the grey levels from which on a background is busy.
_BUSY = 30.0


def paint_scene(plan: ScenePlan, letters: bool = True) -> Image:
    """Paint background, clutter, signs and text.

    Args:
        plan: What to paint.
        letters: False leaves the text out (signs stay), to see which pixels belong to it.

    Returns:
        BGR image of shape (H, W, 3).

    Raises:
        ImportError: If a wheel that ships a font or photo is not installed.
    """
    image = paint_background(plan)
    for placed in plan.blocks:
        _paint_block(image, placed, letters)
    return image


def _paint_block(image: Image, placed: PlacedBlock, letters: bool) -> None:
    quad = placed.quad
    left, top = np.floor(quad.min(0)).astype(int)
    right, bottom = np.ceil(quad.max(0)).astype(int) + 1
    region = image[top:bottom, left:right]
    board = _paint_board(placed.block, region, letters)
    view: Array = translation(-float(left), -float(top)) @ placed.homography
    layer = cv2.warpPerspective(board, view, (region.shape[1], region.shape[0]))
    blend = region * (1 - layer[..., 3:]) + layer[..., :3]
    region[:] = (blend + 0.5).astype(np.uint8)


def _paint_board(block: BlockPlan, region: Image, letters: bool) -> Layer:
    """The block, flat; ``region`` is what it will cover."""
    rng = np.random.default_rng(block.seed)
    layer = np.zeros((block.size[1], block.size[0], 4), np.float32)
    gray = cv2.cvtColor(region, cv2.COLOR_BGR2GRAY)
    brightness, spread = float(gray.mean()), float(gray.std())
    if block.plate:
        brightness, spread = _paint_plate(layer, rng, block.font_size), 0.0
    if letters:
        # No single colour stands out from a busy background: there, letters need an outline.
        busy = max(1, block.font_size // 20) if spread > _BUSY else 0
        _paint_letters(layer, rng, block, contrasting(rng, brightness), block.outline or busy)
    return layer


def _paint_letters(layer: Layer, rng: np.random.Generator, block: BlockPlan, color: Color,
                   outline: int) -> None:
    ink = _ink(block, 0)
    brightness = luminance(color)
    if block.shadow:
        move = np.array([[1, 0, block.shadow], [0, 1, block.shadow]], np.float32)
        shade = np.full(3, 0.0 if brightness > 90 else 255.0)
        _cover(layer, cv2.warpAffine(ink, move, block.size), shade, 0.6)
    if outline:
        _cover(layer, _ink(block, outline), contrasting(rng, brightness, 110), 1.0)
    _cover(layer, ink, color, rng.uniform(0.85, 1))


def _paint_plate(layer: Layer, rng: np.random.Generator, font_size: int) -> float:
    """Paint a sign with or without a rim on the whole board; returns its brightness."""
    height, width = layer.shape[:2]
    brightness = rng.uniform(0, 255)
    mask = np.zeros((height, width), np.uint8)
    radius = int(rng.choice([0, 0.2, 0.45]) * font_size)
    _rounded(mask, 0, radius)
    _cover(layer, mask, of_brightness(rng, brightness), rng.uniform(0.8, 1))
    if rng.random() < 0.5:
        rim = max(1, font_size // 12)
        inner = np.zeros_like(mask)
        _rounded(inner, rim, radius)
        _cover(layer, mask - inner, contrasting(rng, brightness), 1.0)
    return brightness


def _rounded(mask: Image, inset: int, radius: int) -> None:
    """Fill a rectangle with rounded corners, ``inset`` pixels inside the border."""
    height, width = mask.shape
    low, right, bottom = inset + radius, width - 1 - inset - radius, height - 1 - inset - radius
    cv2.rectangle(mask, (low, inset), (right, height - 1 - inset), (255,), -1)
    cv2.rectangle(mask, (inset, low), (width - 1 - inset, bottom), (255,), -1)
    for x in (low, right):
        for y in (low, bottom):
            cv2.circle(mask, (x, y), radius, (255,), -1)


def _ink(block: BlockPlan, outline: int) -> Image:
    """Coverage of the letters, shape (H, W) in [0, 255]."""
    canvas = PIL.Image.new('L', block.size)
    draw = ImageDraw.Draw(canvas)
    font = load_font(block.face, block.font_size)
    for word in block.words:
        draw.text(word.origin, word.text, fill=255, font=font, anchor='ls', stroke_width=outline)
    return np.asarray(canvas)


def _cover(layer: Layer, mask: Image, color: Color, opacity: float) -> None:
    """Put paint of one colour on the layer where the mask is set."""
    alpha = (mask.astype(np.float32) * (opacity / 255))[..., None]
    layer *= 1 - alpha
    layer += alpha * np.append(color, 1).astype(np.float32)
