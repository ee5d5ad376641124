"""What a teacher may have read, told in the classes of a student."""
from __future__ import annotations

import math
import unicodedata
from collections import Counter
from dataclasses import replace
from functools import reduce
from typing import Literal, Mapping, Sequence

import torch
from mmengine.logging import print_log
from mmocr.models.textrecog.decoders import BaseDecoder
from torch import nn

from ...distill import RecordingError, Source
from ...losses import Hypotheses
from .kinds import longest_word

# Of each word, any number of (text, log-probability).
Readings = Sequence[Sequence[tuple[str, float]]]
Form = Literal['NFC', 'NFKC']
FIRST_LOG = 100  # words
# What a student's ``letter_case`` leaves of characters, best first.
CASES = {'unchanged': (str, str.lower, str.upper), 'lower': (str.lower, ), 'upper': (str.upper, )}


def hypotheses(model: nn.Module) -> Source:
    """Ask a teacher for what it may have read: N lists of ``(text, log-probability)``.

    A mark for :meth:`~mmocr_kd.distill.Teacher.bind`, as ``text_logits`` is for detectors: by it a
    black box knows what to give. In a network no module puts such lists out.

    Raises:
        RecordingError: Always, if somebody looks for it in a network.
    """
    raise RecordingError(f'{type(model).__name__} has no module that puts hypotheses out: as a '
                         "teacher of such, it needs type='RecognizerTeacher'")


class Speller:
    """Spells any teacher's readings with a student's characters, and counts what is lost.

    Letters get the case that the student's loss gives to labels (``letter_case``). A character
    that the student lacks is replaced by what Unicode calls the same (``normalize``), or by its
    other case. If that does not help, or a text is longer than the decoder has steps, the reading
    is left out. Readings that become the same text are one, with their probabilities added.

    What was changed and lost is logged after 100, 200, 400, ... words, with examples.

    Args:
        decoder: The student's.
        normalize: 'NFKC', 'NFC' or None, see ``NBestLoss``.

    Attributes:
        seen: How many 'words', their 'readings', those 'changed', and those left out: 'lacking' a
            character, or 'too long'; and 'unread' words, of which nothing is left.
        lacking: Character -> readings it cost.
        examples: Reading -> how it is spelt now, the first few.
    """

    def __init__(self, decoder: BaseDecoder, normalize: Form | None = 'NFKC') -> None:
        self._index = character_classes(decoder)
        self._cases = CASES[getattr(decoder.module_loss, 'letter_case', 'unchanged')]
        self._longest = longest_word(decoder)
        self._normalize = normalize
        self._spelt: dict[str, str | None] = {}
        self._next_log = FIRST_LOG
        self.seen: Counter[str] = Counter()
        self.lacking: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def __call__(self, readings: Readings) -> Hypotheses:
        """Spell the readings of a batch.

        Args:
            readings: N lists of ``(text, log-probability)``, in any order; may be empty.

        Returns:
            The hypotheses, on the CPU.
        """
        words = [self._word(word) for word in readings]
        self._log()
        told = pack(words, self._index)
        kept = (told.log_probs.logsumexp(1) - _total(readings)).exp().nan_to_num(0).clamp(max=1)
        return replace(told, kept=kept)

    def summary(self) -> str:
        """What became of the readings so far, for people."""
        seen, shown = self.seen, ', '.join(f'{old!r} as {new!r}'
                                           for old, new in self.examples.items())
        lacking = ', '.join(f'{char!r} ({times})' for char, times in self.lacking.most_common(10))
        return (f'hypotheses: {seen["readings"]} readings of {seen["words"]} words; spelt '
                f'differently {seen["changed"]}' + (f' ({shown})' if shown else '') +
                f'; left out {seen["lacking"]} with characters that the student lacks' +
                (f' ({lacking})' if lacking else '') +
                f' and {seen["too long"]} that are too long for it; {seen["unread"]} words have '
                'nothing left')

    def _word(self, readings: Sequence[tuple[str, float]]) -> dict[str, float]:
        """Texts as spelt, with their log-probabilities."""
        spelt: dict[str, float] = {}
        for text, log_prob in readings:
            ours = self._spell(text)
            if ours is not None and log_prob > -math.inf:
                spelt[ours] = _log_add(spelt.get(ours, -math.inf), log_prob)
        self.seen.update(words=1, readings=len(readings), unread=bool(readings) and not spelt)
        return spelt

    def _spell(self, text: str) -> str | None:
        parts = [self._character(char) for char in text]
        missing = {char for char, part in zip(text, parts) if part is None}
        if missing:
            self.lacking.update(missing)
            self.seen['lacking'] += 1
            return None
        spelt = ''.join(part for part in parts if part is not None)
        if len(spelt) > self._longest:
            self.seen['too long'] += 1
            return None
        if spelt != text:
            self.seen['changed'] += 1
            if len(self.examples) < 5:
                self.examples[text] = spelt
        return spelt

    def _character(self, char: str) -> str | None:
        if char not in self._spelt:
            forms = [char]
            if self._normalize is not None:
                forms.append(unicodedata.normalize(self._normalize, char))
            self._spelt[char] = next((cased for form in forms for case in self._cases
                                      if (cased := case(form)) and self._has(cased)), None)
        return self._spelt[char]

    def _has(self, text: str) -> bool:
        return all(char in self._index for char in text)

    def _log(self) -> None:
        if self.seen['words'] >= self._next_log:
            print_log(self.summary(), logger='current')
            self._next_log = 2 * self.seen['words']


def character_classes(decoder: BaseDecoder) -> dict[str, int]:
    """Characters a decoder can read -> their classes, special tokens left out.

    Args:
        decoder: Of a recogniser.
    """
    dictionary = decoder.dictionary
    special = {dictionary.start_idx, dictionary.end_idx, dictionary.padding_idx,
               dictionary.unknown_idx}
    return {char: index for index, char in enumerate(dictionary.dict) if index not in special}


def pack(words: Sequence[Mapping[str, float]], classes: Mapping[str, int]) -> Hypotheses:
    """Put readings into tensors.

    Args:
        words: Text -> its log-probability, of each of N words.
        classes: Of all their characters.
    """
    number = max([1, *(len(word) for word in words)])
    longest = max([1, *(len(text) for word in words for text in word)])
    texts = [[*word, *[''] * (number - len(word))] for word in words]
    indexes = torch.zeros(len(words), number, longest, dtype=torch.long)
    log_probs = torch.full((len(words), number), -math.inf)
    for row, word in enumerate(words):
        for column, (text, log_prob) in enumerate(word.items()):
            indexes[row, column, :len(text)] = torch.tensor([classes[char] for char in text],
                                                            dtype=torch.long)
            log_probs[row, column] = log_prob
    lengths = torch.tensor([[len(text) for text in word] for word in texts], dtype=torch.long)
    return Hypotheses(texts, indexes, lengths.view(len(words), number), log_probs,
                      (log_probs > -math.inf).any(1).float())


def _total(readings: Readings) -> torch.Tensor:
    """Log-probability of all readings of each word, (N,)."""
    return torch.tensor([reduce(_log_add, (log_prob for _, log_prob in word), -math.inf)
                         for word in readings])


def _log_add(first: float, second: float) -> float:
    high, low = max(first, second), min(first, second)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
