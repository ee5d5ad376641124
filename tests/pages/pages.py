"""The README and the guides, block by block."""
from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md')),
         *sorted((ROOT / 'configs').rglob('README.md'))]
_BLOCK = re.compile(r'^```(\w*)\n(.*?)^```', re.S | re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f'{self.page}:{self.line}'


def blocks(language: str) -> list[Block]:
    """All blocks of a language, page by page."""
    return [block for page in PAGES for block in _blocks(page) if block.language == language]


def blocks_of(page: str, language: str) -> list[Block]:
    """All blocks of a language on one page."""
    return [block for block in blocks(language) if block.page == page]


def _blocks(page: Path) -> list[Block]:
    text, name = page.read_text(), page.relative_to(ROOT).as_posix()
    return [Block(name, text[:found.start()].count('\n') + 1, *found.groups())
            for found in _BLOCK.finditer(text)]
