"""The folder of a distillation: whose it is, and who is at it."""
from __future__ import annotations

import fcntl
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Iterator

from ...store import write_whole

NOTE = 'distill.json'
_PLACES = {'det': '.', 'rec': 'rec'}  # below --out; photos and what "mmocr-kd read" needs are above


@dataclass(frozen=True)
class Wish:
    """What a command asks for.

    Args:
        images: Folder of photos.
        teacher: See :func:`.teacher_of`.
        student: One of :data:`.STUDENTS`.
        out: Folder to work in.
        teacher_checkpoint: Weights, where ``teacher`` is the config of a model.
        labels: JSON file in MMOCR's format, of some of the photos.
        budget: Seconds that all of it may take; None: as long as the number of photos asks for.
        seed: Of the training.
        int8: Whether the student is trained for 8 bits, and its ONNX file holds these.
        what: 'det' or 'rec'.
    """

    images: str
    teacher: str
    student: str
    out: str
    teacher_checkpoint: str | None = None
    labels: str | None = None
    budget: float | None = None
    seed: int = 0
    int8: bool = False
    what: str = 'det'

    @property
    def place(self) -> Path:
        """Folder of the detector, or of the recogniser; both may be below one ``out``."""
        return Path(self.out) / _PLACES[self.what]

    def require_apart(self) -> None:
        """Make sure that the work is not among the photos.

        Raises:
            ValueError: If it is: its photos would be taken for new ones.
        """
        images, out = Path(self.images).resolve(), Path(self.out).resolve()
        if out == images or images in out.parents:
            raise ValueError(f'--out {self.out!r} lies within --images {self.images!r}: its copies '
                             'would be taken for photos. Give an --out elsewhere')


def take_over(wish: Wish, planned: bool) -> None:
    """Make the folder this wish's, or find that it is.

    Args:
        wish: What is asked for.
        planned: Whether the training is planned already, and with it its length.

    Raises:
        ValueError: If the folder is another wish's, or of other photos, or holds something else.
        OSError: If it cannot be written.
    """
    note, asked = wish.place / NOTE, _noted(wish)
    if note.exists():
        _require_same(wish, json.loads(note.read_text()), planned)
    elif others := [file for place in _PLACES.values()
                    if (file := Path(wish.out) / place / NOTE).exists()]:
        _require_same(wish, {**asked, 'images': json.loads(others[0].read_text())['images']}, True)
    elif any(not file.name.startswith(('.lock', NOTE)) and file.name not in _PLACES.values()
             for file in Path(wish.out).iterdir()):
        raise ValueError(f'--out {wish.out!r} holds something else: give an empty or a new folder')
    write_whole(note, json.dumps(asked, indent=1).encode())


def _require_same(wish: Wish, there: dict[str, object], planned: bool) -> None:
    asked = _noted(wish)
    there = {'int8': False, **there}  # earlier versions did not ask
    other = [f'--{name.replace("_", "-")} was {there.get(name)!r}, is {asked[name]!r}'
             for name in asked if there.get(name) != asked[name]
             and (planned or name != 'budget')]
    if other:
        raise ValueError(f'--out {wish.out!r} was begun otherwise: {"; ".join(other)}. Type what '
                         'it was begun with, or give another --out')


def _noted(wish: Wish) -> dict[str, object]:
    """Files by what is in them, as they may be moved or edited."""
    told = {**asdict(wish), 'images': str(Path(wish.images).resolve())}
    del told['out'], told['what']
    if wish.labels:
        content = blake2b(Path(wish.labels).read_bytes(), digest_size=8).hexdigest()
        told['labels'] = f'{Path(wish.labels).name} ({content})'
    return told


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While no other command works in a folder; it is made if there is none.

    Args:
        folder: Of the work.

    Raises:
        ValueError: If one does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / '.lock').open('a') as file:
        try:
            # Not flock, which workers of a data loader would hold on to for seconds after a kill.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise ValueError(f'{str(folder)!r} is being worked on by another command: wait for it, '
                             'or give another --out') from None
        yield
