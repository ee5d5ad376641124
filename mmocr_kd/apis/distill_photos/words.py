"""Words on photos: what was read of them, which ones are learnt, and with which characters."""
from __future__ import annotations

import json
import string
from collections import Counter
from pathlib import Path
from typing import Any, Iterable
from unicodedata import normalize

from ...store import write_whole
from .split import Instances

Word = dict[str, Any]
Words = dict[str, list[Word]]  # by the name of their photo
SURE = 0.6  # probability of a reading from which on it counts
LONGEST = 60  # characters: students see words in 64 steps at most
_OFTEN = 2  # words in which a character occurs that the dictionary gets
_COMMON = string.digits + string.ascii_letters + string.punctuation + ' '
_METAINFO = {'dataset_type': 'TextRecogDataset', 'task_name': 'textrecog'}


def quads_of(found: dict[str, Instances], labels: dict[str, Instances] | None,
             path: str = '') -> dict[str, Instances]:
    """What is cut out: people's words on photos that have labels, the teacher's boxes on others.

    Args:
        found: Name of a photo -> what the teacher found there.
        labels: Name -> what people saw, of some photos.
        path: File of the labels, for messages.

    Raises:
        ValueError: If no label says what stands there.
    """
    if labels is None:
        return found
    readable = {name: [one if _says(one) else {**one, 'ignore': True} for one in instances]
                for name, instances in labels.items()}
    if not any(map(_says, (one for instances in labels.values() for one in instances))):
        raise ValueError(f"--labels {path!r} says where text is, not what it says: an instance "
                         "needs its 'text'. Leave --labels out to learn what the teacher reads")
    return {**found, **readable}


def _says(instance: Word) -> bool:
    return not instance['ignore'] and instance.get('text', '') not in ('', '###')


def read_words(path: Path) -> Words:
    """What :func:`.label_words` wrote, readings in Unicode's form NFKC.

    Args:
        path: Of the file.

    Returns:
        Name of each photo that has words -> these, with ``img_path``, ``text`` and ``score``; those
        that people labelled also with what was ``read``.
    """
    words: Words = {}
    for entry in json.loads(path.read_text(encoding='utf-8'))['data_list']:
        word, = entry['instances']
        key = 'read' if 'read' in word else 'text'
        words.setdefault(entry['photo'], []).append(
            {**word, key: normalize('NFKC', word[key]), 'img_path': entry['img_path']})
    return words


def counting(words: Words) -> Words:
    """Those that people labelled, and those of whose reading the teacher is sure.

    Args:
        words: By photo.
    """
    return {name: [word for word in there if 'read' in word or word['score'] >= SURE]
            for name, there in words.items()}


def dictionary_of(words: Iterable[Word]) -> list[str]:
    """Letters, digits, symbols, the space; and other characters that occur more than once.

    Args:
        words: That are learnt.
    """
    seen = Counter(char for word in words for char in set(word['text']))
    return [*_COMMON, *sorted(char for char, number in seen.items()
                              if number >= _OFTEN and char not in _COMMON and char.isprintable())]


def spellable(words: Iterable[Word], dictionary: Iterable[str]) -> list[Word]:
    """Words that can be learnt.

    Args:
        words: All.
        dictionary: Characters.
    """
    known = set(dictionary)
    return [word for word in words if known.issuperset(word['text'])
            and len(word['text']) <= LONGEST]


def write_words(path: Path, words: Iterable[Word]) -> None:
    """Write a file in MMOCR's format of text recognition.

    Args:
        path: Of the file; images are relative to its folder.
        words: In order.
    """
    data = [{'img_path': word['img_path'], 'instances': [{'text': word['text']}]}
            for word in words]
    text = json.dumps({'metainfo': _METAINFO, 'data_list': data}, ensure_ascii=False)
    write_whole(path, text.encode())
