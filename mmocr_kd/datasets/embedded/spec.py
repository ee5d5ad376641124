"""What the embedded data set is made of: the fields that, with an index, fix every pixel."""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Sequence
from urllib.parse import quote, unquote

import numpy as np

SPLITS = ('train', 'val', 'test')
# What shares one text height: every block draws its own, or an image one for all of its blocks.
PER = ('block', 'image')
# What is annotated, and cut out.
UNITS = ('word', 'line')
# What users bring themselves: photos to set text on, fonts, words.
OWN = ('photos', 'fonts', 'words')
# The smallest side an image may have: below it no readable word fits.
MIN_SIDE = 64
# The smallest font size, in pixels, at which FreeType still draws something word-like.
MIN_TEXT_HEIGHT = 6

_PATTERN = re.compile(r'(?P<split>\w+)-s(?P<seed>\d+)-(?P<width>\d+)x(?P<height>\d+)'
                      r'-h(?P<low>\d+)to(?P<high>\d+)(?:per(?P<per>image))?-b(?P<fewest>\d+)to(?P<most>\d+)'
                      r'-d(?P<difficulty>[0-9.]+)'
                      + ''.join(f'(?:-{name}=(?P<{name}>[^-/]+))?' for name in (*OWN, 'unit')))


@dataclass(frozen=True)
class SceneSpec:
    """The fields of an embedded data set; checked on creation, hashable.

    Args:
        split: 'train', 'val' or 'test'. Splits share neither background photos nor random seeds.
        seed: Seed of the whole data set, >= 0.
        image_size: Width and height of every image in pixels, each >= 64.
        text_height: Smallest and largest font size in pixels, 6 <= smallest <= largest. Sizes
            are drawn log-uniformly: many small texts, few large ones, as in photos.
        num_blocks: Fewest and most text blocks to try to place in an image, 0 <= fewest <= most.
            Blocks that find no free place are left out.
        difficulty: Strength of perspective, shadows, blur, noise and JPEG artefacts in [0, 2].
            0 is clean and upright, 1 the default, 2 harsh.
        text_height_per: 'block', every block draws a text height, or 'image', all blocks of an
            image share one: then images differ in the resolution at which they can be read.
        photos: Folder of photos to set text on, at any depth, instead of the split's own: photos
            without text, and each split a folder of its own.
        fonts: Folder of font files, at any depth, instead of matplotlib's; those that lack a
            letter, a digit or a symbol are left out, those that have Chinese set it, too.
        words: File of words, one a line, that are set as they are instead of the lexicon's.
        unit: What is annotated: 'word', or 'line', as in MSRA-TD500.

    Raises:
        TypeError: If a field has the wrong type.
        ValueError: If a field is out of range.
    """

    split: str = 'train'
    seed: int = 0
    image_size: tuple[int, int] = (320, 320)
    text_height: tuple[int, int] = (8, 64)
    num_blocks: tuple[int, int] = (2, 6)
    difficulty: float = 1.0
    text_height_per: str = 'block'
    photos: str = ''
    fonts: str = ''
    words: str = ''
    unit: str = 'word'

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise ValueError(f'split={self.split!r} is unknown: use one of {SPLITS}')
        if not _is_int(self.seed) or self.seed < 0:
            raise ValueError(f'seed={self.seed!r} must be an integer >= 0')
        # Configs hold lists; a tuple makes the spec hashable, which caches need.
        for name, least in (('image_size', MIN_SIDE), ('text_height', MIN_TEXT_HEIGHT),
                            ('num_blocks', 0)):
            object.__setattr__(self, name, _int_pair(name, getattr(self, name), least))
        for name in ('text_height', 'num_blocks'):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f'{name}={(low, high)} must be (smallest, largest)')
        object.__setattr__(self, 'difficulty', _difficulty(self.difficulty))
        if self.text_height_per not in PER:
            raise ValueError(f'text_height_per={self.text_height_per!r} is unknown: use one of '
                             f'{PER}')
        if self.unit not in UNITS:
            raise ValueError(f'unit={self.unit!r} is unknown: use one of {UNITS}')
        for name in OWN:
            if not isinstance(getattr(self, name), str):
                raise TypeError(f'{name}={getattr(self, name)!r} must be a path, as a text')

    @property
    def name(self) -> str:
        """The fields as one path component, e.g. 'train-s0-320x320-h8to64-b2to6-d1.0'.

        One text height per image reads 'h16to200perimage'.
        """
        width, height = self.image_size
        # The default goes unsaid: names of data sets are older than this field.
        per = '' if self.text_height_per == 'block' else f'per{self.text_height_per}'
        return (f'{self.split}-s{self.seed}-{width}x{height}-h{self.text_height[0]}to'
                f'{self.text_height[1]}{per}-b{self.num_blocks[0]}to{self.num_blocks[1]}'
                f'-d{self.difficulty!r}'
                + ''.join(f'-{name}={_quote(value)}' for name in (*OWN, 'unit')
                          if (value := getattr(self, name)) not in ('', 'word')))

    @classmethod
    def from_name(cls, name: str) -> SceneSpec:
        """Inverse of :attr:`name`.

        Args:
            name: What :attr:`name` returned.

        Raises:
            ValueError: If ``name`` does not have that form or holds impossible values.
        """
        match = _PATTERN.fullmatch(name)
        if match is None:
            raise ValueError(f'{name!r} does not describe an embedded data set: expected '
                             f'something like {cls().name!r}')
        part = match.groupdict()
        return cls(part['split'], int(part['seed']), (int(part['width']), int(part['height'])),
                   (int(part['low']), int(part['high'])),
                   (int(part['fewest']), int(part['most'])), float(part['difficulty']),
                   part['per'] or 'block',
                   **{name: unquote(part[name]) for name in (*OWN, 'unit') if part[name]})

    def rng(self, index: int) -> np.random.Generator:
        """The random generator of image ``index``: it depends on (seed, split, index) alone."""
        return np.random.default_rng([self.seed, SPLITS.index(self.split), index])


def _quote(path: str) -> str:
    """A path as part of a path component: without slashes, and without what parts fields."""
    return quote(path, safe='').replace('-', '%2D')


def _is_int(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _int_pair(name: str, value: Sequence[int], least: int) -> tuple[int, int]:
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not all(map(_is_int, value)):
        raise TypeError(f'{name}={value!r} must be two integers')
    if min(value) < least:
        raise ValueError(f'{name}={tuple(value)} must not go below {least}')
    return int(value[0]), int(value[1])


def _difficulty(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f'difficulty={value!r} must be a number')
    if not 0 <= value <= 2:
        raise ValueError(f'difficulty={value!r} must be within [0, 2]')
    # Five decimals are plenty, and keep the exponent out of the name.
    return round(float(value), 4)
