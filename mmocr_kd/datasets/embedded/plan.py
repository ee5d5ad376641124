"""Where what text stands in a scene. A plan has no pixels: annotations come from it in a blink."""
from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .assets import PHOTOS, Photo
from .block import BlockPlan, plan_block
from .geometry import Array, area, box_to_quad, overlap, tilt, transform, translation
from .spec import SceneSpec

# A share of images shows no text at all: detectors have to learn that, too.
_EMPTY_SHARE = 0.02
# Font size in the image, in pixels, below which people stop reading with confidence.
_LEGIBLE_HEIGHT = 10.0


@dataclass(frozen=True)
class Word:
    """One annotated word.

    Args:
        text: Its characters; '###' when it is unreadable, as in ICDAR's data.
        quad: Corners in the image, shape (4, 2), clockwise from the word's own top left.
        ignore: Whether it is unreadable and to be ignored by losses and metrics.
    """

    text: str
    quad: Array
    ignore: bool


@dataclass(frozen=True)
class Degradation:
    """What camera, light and file format do to a scene.

    Args:
        light: Strength of the illumination gradient, 0 is none.
        blur: Standard deviation of the out-of-focus blur in pixels, 0 is none.
        motion: Length of the motion blur in pixels, below 2 is none.
        noise: Standard deviation of the sensor noise in grey levels, 0 is none.
        jpeg: JPEG quality in [1, 100], None is no compression.
        seed: Seed of what else is random in it: directions, the noise itself.
    """

    light: float = 0.0
    blur: float = 0.0
    motion: int = 0
    noise: float = 0.0
    jpeg: int | None = None
    seed: int = 0

    @property
    def legible_height(self) -> float:
        """Smallest font size in pixels that stays readable under the blur (our estimate)."""
        return max(_LEGIBLE_HEIGHT, 6 * self.blur, 2.5 * self.motion)


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
        found = []
        for item in self.block.words:
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
        """Annotations of all words, block after block, line after line."""
        legible = self.degradation.legible_height
        return [word for placed in self.blocks for word in placed.words(legible)]


def plan_scene(spec: SceneSpec, index: int) -> ScenePlan:
    """Plan one image; depends on ``spec`` and ``index`` alone.

    Args:
        spec: The data set.
        index: Which image of it, >= 0.

    Raises:
        ImportError: If the wheel that ships the fonts is not installed.
    """
    rng = spec.rng(index)
    photos = PHOTOS[spec.split]
    photo = photos[rng.integers(len(photos))]
    seed = int(rng.integers(2**31))
    degradation = _plan_degradation(rng, spec.difficulty)
    wanted = rng.integers(spec.num_blocks[0], spec.num_blocks[1] + 1)
    blocks: list[PlacedBlock] = []
    if rng.random() >= _EMPTY_SHARE:
        for _ in range(wanted):
            blocks += _place(rng, spec, plan_block(rng, spec), blocks)
    return ScenePlan(spec, photo, seed, tuple(blocks), degradation)


def _plan_degradation(rng: np.random.Generator, difficulty: float) -> Degradation:
    # Every number is drawn whatever the difficulty: the layout must not depend on it.
    use = rng.random(5) < np.minimum(1, difficulty * np.array([0.7, 0.4, 0.1, 0.6, 0.6]))
    light, blur, noise = rng.uniform([0.1, 0.3, 2], [0.5, 1.5, 12]) * difficulty
    motion = int(rng.integers(3, 7) * difficulty)
    jpeg = int(np.clip(100 - rng.uniform(10, 60) * difficulty, 10, 95))
    seed = int(rng.integers(2**31))
    return Degradation(
        light=light * use[0],
        blur=blur * use[1],
        motion=motion if use[2] else 0,
        noise=noise * use[3],
        jpeg=jpeg if use[4] else None,
        seed=seed)


def _place(rng: np.random.Generator, spec: SceneSpec, block: BlockPlan,
           others: list[PlacedBlock]) -> list[PlacedBlock]:
    """Turn the block in space and find it a free place; an empty list if there is none."""
    placed = PlacedBlock(block, _plan_view(rng, spec, block.size))
    low, high = placed.quad.min(0), placed.quad.max(0)
    room = np.array(spec.image_size) - 1 - (high - low)
    if (room < 2).any():
        return []
    for _ in range(12):
        shift = rng.uniform(1, room - 1) - low
        moved = replace(placed, homography=translation(*shift) @ placed.homography)
        if not any(overlap(moved.quad, other.quad) for other in others):
            return [moved]
    return []


def _plan_view(rng: np.random.Generator, spec: SceneSpec, size: tuple[int, int]) -> Array:
    """Mostly upright with slight tilts, one block in four freely rotated; in radians."""
    steep = rng.random() < 0.25
    roll = rng.uniform(-0.6, 0.6) if steep else rng.normal(0, 0.07)
    yaw, pitch = rng.normal(0, (0.35, 0.25)).clip(-0.8, 0.6)
    focal = 1.6 * max(size)
    return tilt(size, *(spec.difficulty * np.array([roll, yaw, pitch])), focal)
