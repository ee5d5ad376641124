"""A text block: one to three lines of words set flat on a board, with its looks."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import numpy as np
from PIL import ImageFont

from .arrays import Box
from .assets import FACES, draws, faces_of, load_font, words_in
from .lexicon import draw_chinese, draw_word
from .spec import MIN_TEXT_HEIGHT, SceneSpec

_IDEOGRAPHS = '\u5e97\u8def\u533b\u9662'  # shop, road, hospital: simplified ones among them


@dataclass(frozen=True)
class SetWord:
    """A word set on a board.

    Args:
        text: Its characters.
        origin: Where its baseline starts on the board, in pixels.
        box: Tight box around its ink (outline included, shadow not) with a small margin.
    """

    text: str
    origin: tuple[int, int]
    box: Box


@dataclass(frozen=True)
class BlockPlan:
    """Words on a board, and how they look.

    Args:
        words: The words, line after line.
        size: Width and height of the board in pixels.
        face: Font face.
        font_size: Font size in pixels.
        outline: Width of the letters' outline in pixels, 0 is none.
        shadow: Offset of the letters' shadow in pixels, 0 is none.
        plate: Whether there is a sign behind the text.
        seed: Seed of the colours and of the sign's shape.
    """

    words: tuple[SetWord, ...]
    size: tuple[int, int]
    face: str
    font_size: int
    outline: int
    shadow: int
    plate: bool
    seed: int


def draw_height(rng: np.random.Generator, spec: SceneSpec) -> int:
    """Draw a font size in pixels, log-uniform within ``spec.text_height``."""
    low, high = spec.text_height
    return int(round(low * (high / low)**rng.random()))


def plan_block(rng: np.random.Generator, spec: SceneSpec) -> BlockPlan:
    """Draw a text block that fits into the image's width and height.

    Args:
        rng: Source of randomness.
        spec: The data set: font sizes and image size.

    Raises:
        ImportError: If the wheel that ships the fonts is not installed.
    """
    size = draw_height(rng, spec)
    faces = faces_of(spec)
    face = faces[rng.integers(len(faces))]
    outline = max(1, size // 16) if rng.random() < 0.2 and size >= 16 else 0
    shadow = max(1, size // 14) if rng.random() < 0.2 and size >= 16 else 0
    plate = bool(rng.random() < 0.35)
    draw = _words(rng, face, spec)
    lines = [[draw(rng) for _ in range(rng.integers(1, 5))]
             for _ in range(rng.choice(3, p=(0.55, 0.3, 0.15)) + 1)]
    size = _shrink(face, size, lines, spec)
    centred = bool(rng.random() < 0.5)
    words, board = _set(load_font(face, size), size, lines, outline, plate, centred)
    return BlockPlan(words, board, face, size, outline, shadow, plate, int(rng.integers(2**31)))


def _words(rng: np.random.Generator, face: str,
           spec: SceneSpec) -> Callable[[np.random.Generator], str]:
    """What draws a block's words. Two in three of fonts that have Chinese set it."""
    if face not in FACES and draws(face, _IDEOGRAPHS) and rng.random() < 2 / 3:
        return draw_chinese
    if not spec.words:
        return draw_word
    words = words_in(spec.words)
    return lambda rng: words[rng.integers(len(words))]


def _shrink(face: str, size: int, lines: list[list[str]], spec: SceneSpec) -> int:
    """Drop words (in place) that do not fit in the width, then shrink what still does not fit."""
    font = load_font(face, size)
    width, height = spec.image_size
    widest = 0.0
    for line in lines:
        while len(line) > 1 and font.getlength(' '.join(line)) > 0.8 * width:
            line.pop()
        widest = max(widest, font.getlength(' '.join(line)))
    while len(lines) > 1 and 1.5 * size * len(lines) > 0.6 * height:
        lines.pop()
    return max(MIN_TEXT_HEIGHT, int(min(size, size * 0.8 * width / widest)))


def _set(font: ImageFont.FreeTypeFont, size: int, lines: list[list[str]], outline: int,
         plate: bool, centred: bool) -> tuple[tuple[SetWord, ...], tuple[int, int]]:
    """Set the lines on a board; returns the words and the board's width and height."""
    pad = round(size * (0.45 if plate else 0.25)) + outline + 2
    leading = round(1.3 * size) + 2 * outline
    widths = [font.getlength(' '.join(line)) for line in lines]
    words = []
    for row, line in enumerate(lines):
        x = pad + (max(widths) - widths[row]) / 2 * centred
        y = pad + round(0.9 * size) + row * leading
        for text in line:
            words.append(_set_word(font, text, (round(x), y), outline, size))
            x += font.getlength(text + ' ')
    height = 2 * pad + round(1.15 * size) + (len(lines) - 1) * leading
    return tuple(words), (2 * pad + round(max(widths)), height)


def _set_word(font: ImageFont.FreeTypeFont, text: str, origin: tuple[int, int], outline: int,
              size: int) -> SetWord:
    left, top, right, bottom = font.getbbox(text, anchor='ls', stroke_width=outline)
    margin = max(1.0, 0.04 * size)
    x, y = origin
    return SetWord(text, origin, (x + left - margin, y + top - margin, x + right + margin,
                                  y + bottom + margin))
