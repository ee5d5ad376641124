"""A folder of what one teacher knows of images."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence

from .errors import ForeignStoreError, MissingEntryError, StaleEntryError, StoreError
from .files import remove_unfinished, write_whole
from .images import ImageIndex

FORMAT = 1
MANIFEST = 'manifest.json'


class Store:
    """What all stores share: who made it, of which images, and what to say if something is wrong.

    The folder holds ``manifest.json`` (see :attr:`manifest`), ``images.jsonl`` (see
    :class:`.ImageIndex`) and the entries, which subclasses keep. Entries are bound to the content
    of an image, wherever it lies and whatever it is called. Any number of processes may write and
    read at the same time.

    Args:
        folder: An existing store.
        identity: Who has to have made it, see :meth:`require`; None: whoever.

    Raises:
        StoreError: If there is none.
        ForeignStoreError: If it is another's.
    """

    def __init__(self, folder: str | os.PathLike[str],
                 identity: Mapping[str, Any] | None = None) -> None:
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder)
        if identity is not None:
            self.require(identity)
        self.images = ImageIndex(self.folder / 'images.jsonl')

    @classmethod
    def create(cls, folder: str | os.PathLike[str], identity: Mapping[str, Any], command: str,
               **about: Any) -> Any:
        """Make a store, or go on with one that the same teacher made.

        Args:
            folder: Where; made if it does not exist.
            identity: What entries depend on: teacher, preprocessing, quantities. Plain JSON.
            command: What fills the store, for messages.
            **about: What else a reader may want to know, such as versions. Plain JSON.

        Returns:
            The store.

        Raises:
            ForeignStoreError: If another teacher's is there already.
            OSError: If it cannot be written.
        """
        manifest = {'format': FORMAT, 'identity': identity, 'command': command, **about}
        text = json.dumps(manifest, indent=2, sort_keys=True)
        # The first of several processes writes it, the others compare theirs.
        write_whole(Path(folder) / MANIFEST, f'{text}\n'.encode(), replace=False)
        remove_unfinished(Path(folder))
        return cls(folder, identity)

    @property
    def command(self) -> str:
        """What fills this store."""
        return self.manifest['command']

    def require(self, identity: Mapping[str, Any]) -> None:
        """Check who made this store.

        Args:
            identity: As given to :meth:`create`.

        Raises:
            ForeignStoreError: If it was another; the message has what differs.
        """
        made, wanted = (dict(_flat(one)) for one in (self.manifest['identity'],
                                                     json.loads(json.dumps(identity))))
        fields = sorted({*made, *wanted})
        other = [field for field in fields if made.get(field) != wanted.get(field)]
        if other:
            lines = [f'  {field}: {made.get(field)!r} made it, {wanted.get(field)!r} is wanted'
                     for field in other]
            raise ForeignStoreError(
                f'the store {str(self.folder)!r} was made by another teacher, or otherwise:\n'
                + '\n'.join(lines) + '\nName another store, or make this one anew:\n'
                f'  mv {self.folder} {self.folder}.old && {self.command}')

    def missing(self, image: str, others: str = '') -> MissingEntryError:
        """The error for an image without an entry.

        Args:
            image: Its name.
            others: What to say about other images.
        """
        stale = self.images.changed(image)
        what = 'has changed since it was put into' if stale else 'is not in'
        return (StaleEntryError if stale else MissingEntryError)(
            f'{image!r} {what} the store {str(self.folder)!r}{others}. Go on filling it:\n'
            f'  {self.command}')

    def check(self, images: Sequence[str]) -> None:
        """Look whether all images have entries, without reading these.

        Args:
            images: Their names.

        Raises:
            MissingEntryError: If not; it names the first and says how many there are.
        """
        self.images.doubt(images)
        lacking = [image for image in images if not self.has(image)]
        if lacking:
            raise self.missing(lacking[0], f', as {len(lacking)} of {len(images)} images')

    def has(self, image: str) -> bool:
        """Whether an image has an entry, sound or not.

        Args:
            image: Its name.

        Raises:
            OSError: If the image cannot be read.
        """
        raise NotImplementedError


def _flat(identity: Any, name: str = '') -> Iterator[tuple[str, Any]]:
    """Dotted names and values."""
    if not isinstance(identity, dict):
        yield name, identity
        return
    for key, value in identity.items():
        yield from _flat(value, f'{name}.{key}' if name else key)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise StoreError(f'{str(folder)!r} is no store, it has no {MANIFEST}: fill one by '
                         '"mmocr-kd cache CONFIG", or correct the path') from error
    except ValueError as error:
        raise StoreError(f'{str(path)!r} is no JSON ({error}): it was changed by hand; make the '
                         'store anew by "mmocr-kd cache CONFIG"') from error
    if manifest.get('format') != FORMAT:
        raise ForeignStoreError(f'the store {str(folder)!r} has format {manifest.get("format")!r}, '
                                f'this version of mmocr_kd reads {FORMAT}: make it anew by '
                                f'"{manifest.get("command", "mmocr-kd cache CONFIG")}"')
    return manifest
