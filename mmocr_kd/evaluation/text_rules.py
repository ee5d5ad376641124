"""When a reading is right: the rules of ICDAR's end-to-end and word spotting tasks."""
from __future__ import annotations

import re

PROTOCOLS = ('e2e', 'word_spotting')
SPECIAL_CHARACTERS = '!?.:,*"()·[]/\''
UNREADABLE = ('', '###')  # transcriptions of what nobody has to read

# Letters by ICDAR's ranges of code points, and hyphens, but no signs of arithmetic.
_DICTIONARY_WORD = re.compile('(?:(?![×÷·\u0387])[a-zA-ZÀ-ƿǄ-ɿΆ-Ͽ-])+')


def target_text(text: str, protocol: str, special_characters: str, min_length: int) -> str | None:
    """What a reading of an instance is compared with.

    Args:
        text: Its transcription.
        protocol: 'e2e': the transcription itself. 'word_spotting': see :func:`dictionary_word`.
        special_characters: See there.
        min_length: See there.

    Returns:
        The target, or None if the protocol does not care about this instance: ``###``, and an
        empty transcription (ours: there is nothing to read; ICDAR's script does not expect it).
    """
    if text in UNREADABLE:
        return None
    if protocol == 'e2e':
        return text
    return dictionary_word(text, special_characters, min_length)


def dictionary_word(text: str, special_characters: str = SPECIAL_CHARACTERS,
                    min_length: int = 3) -> str | None:
    """Reduce a transcription to the word that word spotting looks for.

    As ICDAR's script does: a final ``'s`` and hyphens around the word go, special characters
    around it go; what then has a gap (a space, a special character inside), is short, or has
    anything but letters and hyphens (digits, too) is no word of a dictionary.

    Args:
        text: Transcription of the ground truth.
        special_characters: Characters that do not belong to words.
        min_length: Shortest word, in characters, after the reduction.

    Returns:
        The word as written, or None if it is none.
    """
    if text.endswith(("'s", "'S")):
        text = text[:-2]
    gaps = str.maketrans(dict.fromkeys(special_characters, ' '))
    word = text.strip('-').translate(gaps).strip()
    return word if len(word) >= min_length and _DICTIONARY_WORD.fullmatch(word) else None


def reads_right(target: str, reading: str, protocol: str, special_characters: str) -> bool:
    """Tell whether a reading is right, whatever the case of its letters.

    In 'e2e' the reading may leave out one special character at the start of the target, one at its
    end, or both; in 'word_spotting', where the target has none, it must equal the target. Both as
    ICDAR's script has it.

    Args:
        target: Result of :func:`target_text`.
        reading: The prediction.
        protocol: One of ``PROTOCOLS``.
        special_characters: Characters that may be left out.
    """
    target, reading = target.upper(), reading.upper()
    if protocol == 'word_spotting':
        return target == reading
    starts = (0, 1) if target[0] in special_characters else (0,)
    ends = (0, 1) if target[-1] in special_characters else (0,)
    return any(target[start:len(target) - end] == reading for start in starts for end in ends)
