"""How much an image suffers from light, lens, sensor and file format, as numbers."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Font size in the image, in pixels, below which people stop reading with confidence.
_LEGIBLE_HEIGHT = 10.0


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


def plan_degradation(rng: np.random.Generator, difficulty: float) -> Degradation:
    """Draw how an image suffers.

    Args:
        rng: Source of randomness.
        difficulty: 0 for not at all, 1 for the default; scales strengths and how often.
    """
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
