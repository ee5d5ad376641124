"""Lists of words as benchmarks come with them."""
from __future__ import annotations

from pathlib import Path

from .lexicon import Lexicon


def read_lexicon(words: Path, pairs: Path | None = None) -> Lexicon:
    """Read a list, and how its words are written.

    Args:
        words: File of :func:`read_words`.
        pairs: File of :func:`read_pairs`, or None: words stand as they are.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is not what it should be, or a word is in no pair.
    """
    listed = read_words(words)
    if pairs is None:
        return Lexicon(listed)
    written = read_pairs(pairs)
    unknown = [word for word in listed if word.upper() not in written]
    if unknown:
        raise ValueError(f'{pairs} has no pair for {len(unknown)} words of {words}, the first is '
                         f'{unknown[0]!r}: do the two files belong together?')
    return Lexicon(listed, [written[word.upper()] for word in listed])


def read_words(path: Path) -> list[str]:
    """Read one word per line: ICDAR's strong, weak and generic lists, Total-Text's full list.

    Blank lines, a byte order mark and Windows' line ends do not matter.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is not UTF-8, has no word, a line with a tab or control character, or
            looks like a list of pairs.
    """
    words = _lines(path)
    if all(' ' in word for word in words):
        raise ValueError(f'{path} has several words in each line, such as {words[0]!r}: expected '
                         'one word per line; a list of pairs belongs into "pairs"')
    return words


def read_pairs(path: Path) -> dict[str, str]:
    """Read ``DONT Don't`` per line: a word of the list, and how it is written in images.

    Such files are published with Mask TextSpotter's and ABCNet's lists.

    Returns:
        Upper-case word -> written word. Of several for a word the last counts, as it does there.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: As for :func:`read_words`, or if a line has no two parts.
    """
    pairs = {}
    for line in _lines(path):
        word, _, written = line.partition(' ')
        if not written:
            raise ValueError(f'{path} has the line {line!r}: expected a word, a space and how the '
                             'word is written')
        pairs[word.upper()] = written
    return pairs


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing: download the lexicons of the benchmark and '
                                'correct the "path" or "pairs" of "lexicons"')
    try:
        text = path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path} is not UTF-8 (byte {error.start}): is it a list of words? '
                         'Convert other encodings') from error
    lines = [line.strip() for line in text.split('\n')]
    lines = [line for line in lines if line]
    if not lines:
        raise ValueError(f'{path} has no word: expected one per line')
    for line in lines:
        if any(ord(character) < 32 or ord(character) == 127 for character in line):
            raise ValueError(f'{path} has the line {line!r}: expected one word per line, without '
                             'tabs or control characters')
    return lines
