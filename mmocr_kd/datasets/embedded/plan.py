"""Where what text stands in a scene. A plan has no pixels: annotations come from it in a blink."""
from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Iterable

import numpy as np

from .arrays import Array
from .assets import Photo, photos_of
from .block import BlockPlan, SetWord, draw_height, plan_block
from .degradation import Degradation, plan_degradation
from .geometry import area, box_to_quad, overlaps, tilt, transform, translation
from .spec import SceneSpec

# A share of images shows no text at all: detectors have to learn that, too.
_EMPTY_SHARE = 0.02


@dataclass(frozen=True)
class Word:
    """One annotated word, or line of words.

    Args:
        text: Its characters; '###' when it is unreadable, as in ICDAR's data.
        quad: Corners in the image, shape (4, 2), clockwise from the word's own top left.
        ignore: Whether it is unreadable and to be ignored by losses and metrics.
    """

    text: str
    quad: Array
    ignore: bool


@dataclass(frozen=True)
class PlacedBlock:
    """A text block and the homography of shape (3, 3) from its board to the image."""

    block: BlockPlan
    homography: Array

    @property
    def quad(self) -> Array:
        """Outline of the whole board in the image, shape (4, 2)."""
        return transform(box_to_quad((0, 0, *self.block.size)), self.homography)

    def words(self, legible_height: float) -> list[Word]:
        """Annotations of the block's words; those below ``legible_height`` pixels are '###'."""
        return self._seen(self.block.words, legible_height)

    def lines(self, legible_height: float) -> list[Word]:
        """Annotations of the block's lines, likewise: words of one line as one."""
        rows = groupby(self.block.words, key=lambda word: word.origin[1])
        return self._seen([_join(list(row)) for _, row in rows], legible_height)

    def _seen(self, items: Iterable[SetWord], legible_height: float) -> list[Word]:
        found = []
        for item in items:
            flat = box_to_quad(item.box)
            quad = transform(flat, self.homography)
            scale = np.sqrt(area(quad) / area(flat))
            ignore = bool(self.block.font_size * scale < legible_height)
            found.append(Word('###' if ignore else item.text, quad.round(2), ignore))
        return found


@dataclass(frozen=True)
class ScenePlan:
    """All that is drawn in one image, and in which order: photo, clutter, blocks, degradation.

    Args:
        spec: The data set it belongs to.
        photo: Background.
        seed: Seed of the background's crop and of the clutter.
        blocks: Text blocks; their boards do not overlap.
        degradation: Applied last.
    """

    spec: SceneSpec
    photo: Photo
    seed: int
    blocks: tuple[PlacedBlock, ...]
    degradation: Degradation

    @property
    def words(self) -> list[Word]:
        """Annotations of all words, or lines, block after block, line after line."""
        legible, kind = self.degradation.legible_height, f'{self.spec.unit}s'
        return [word for placed in self.blocks for word in getattr(placed, kind)(legible)]


def plan_scene(spec: SceneSpec, index: int) -> ScenePlan:
    """Plan one image; depends on ``spec`` and ``index`` alone.

    Args:
        spec: The data set.
        index: Which image of it, >= 0.

    Raises:
        ImportError: If the wheel that ships the fonts is not installed.
    """
    rng = spec.rng(index)
    photos = photos_of(spec)
    photo = photos[rng.integers(len(photos))]
    seed = int(rng.integers(2**31))
    degradation = plan_degradation(rng, spec.difficulty)
    wanted = rng.integers(spec.num_blocks[0], spec.num_blocks[1] + 1)
    blocks: list[PlacedBlock] = []
    quads: Array = np.empty((0, 4, 2))
    if rng.random() >= _EMPTY_SHARE:
        looks = _shared_looks(rng, spec)
        for _ in range(wanted):
            placed = _place(rng, spec, plan_block(rng, looks), quads)
            if placed is not None:
                blocks.append(placed)
                quads = np.concatenate([quads, placed.quad[None]])
    return ScenePlan(spec, photo, seed, tuple(blocks), degradation)


def _join(row: list[SetWord]) -> SetWord:
    """Words of a line as one, in the smallest box around theirs."""
    boxes = np.array([word.box for word in row])
    return SetWord(' '.join(word.text for word in row), row[0].origin,
                   (*boxes[:, :2].min(0).tolist(), *boxes[:, 2:].max(0).tolist()))


def _shared_looks(rng: np.random.Generator, spec: SceneSpec) -> SceneSpec:
    """The fields that an image's blocks are drawn with: of one text height, if it is per image."""
    if spec.text_height_per == 'block':
        return spec
    height = draw_height(rng, spec)
    return replace(spec, text_height=(height, height))


def _place(rng: np.random.Generator, spec: SceneSpec, block: BlockPlan,
           taken: Array) -> PlacedBlock | None:
    """Turn the block in space and find it a place apart from the quads ``taken``, if any."""
    view = _plan_view(rng, spec, block.size)
    quad = PlacedBlock(block, view).quad
    low, high = quad.min(0), quad.max(0)
    room = np.array(spec.image_size) - 1 - (high - low)
    if (room < 2).any():
        return None
    for _ in range(12):
        shift = rng.uniform(1, room - 1) - low
        if not overlaps(quad + shift, taken):
            return PlacedBlock(block, translation(*shift) @ view)
    return None


def _plan_view(rng: np.random.Generator, spec: SceneSpec, size: tuple[int, int]) -> Array:
    """Mostly upright with slight tilts, one block in four freely rotated; in radians."""
    steep = rng.random() < 0.25
    roll = rng.uniform(-0.6, 0.6) if steep else rng.normal(0, 0.07)
    # Beyond 0.8 (46 degrees) text is hardly readable, and at a quarter turn it disappears.
    yaw, pitch = (spec.difficulty * rng.normal(0, (0.35, 0.25))).clip(-0.8, 0.8)
    return tilt(size, spec.difficulty * roll, yaw, pitch, focal=1.6 * max(size))
