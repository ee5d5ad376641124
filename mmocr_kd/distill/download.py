"""Weights from the net: whole, the right ones, and fetched once."""
from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any, Iterator
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import torch

from .errors import CheckpointError

_TIMEOUT = 60  # seconds without a byte
_CHUNK = 2**20


def is_address(checkpoint: str) -> bool:
    """Whether ``checkpoint`` is an http(s) address."""
    return checkpoint.startswith(('http://', 'https://'))


def download(address: str) -> Path:
    """Fetch a file, unless that was done before.

    It is kept in PyTorch's hub folder (``TORCH_HOME``), under a name made of the whole address:
    PyTorch's own cache goes by the last part alone and takes one ``epoch_1.pth`` for another.
    Only whole files get that name, in one step, so several processes may ask at once.

    Args:
        address: http(s) address. Where its name ends in ``-<8 or more digits of SHA-256>.pth``, as
            OpenMMLab's and PyTorch's do, the content has to agree.

    Returns:
        Path of the file.

    Raises:
        CheckpointError: If the address cannot be read, or less or other than promised arrives.
    """
    kept = _kept(address)
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with _whole_or_nothing(kept) as file:
            _fetch(address, file)
    return kept


def _kept(address: str) -> Path:
    whole = hashlib.sha256(address.encode()).hexdigest()[:16]
    return Path(torch.hub.get_dir()) / 'checkpoints' / f'{whole}-{_name(address)}'


def _name(address: str) -> str:
    return unquote(urlsplit(address).path).rpartition('/')[2]


@contextmanager
def _whole_or_nothing(path: Path) -> Iterator[IO[bytes]]:
    descriptor, part = tempfile.mkstemp(prefix=path.name, suffix='.part', dir=path.parent)
    try:
        with os.fdopen(descriptor, 'wb') as file:
            yield file
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)


def _fetch(address: str, file: IO[bytes]) -> None:
    try:
        with urlopen(address, timeout=_TIMEOUT) as response:
            received, digest = _copy(response, file)
            promised = response.headers.get('Content-Length')
    except (OSError, HTTPException) as error:
        raise CheckpointError(
            f'checkpoint={address!r} cannot be downloaded ({type(error).__name__}: {error}): '
            'correct the address, or give the path of a file you fetched yourself') from error
    if promised is not None and received != int(promised):
        raise CheckpointError(f'checkpoint={address!r} broke off after {received} of {promised} '
                              'bytes; nothing was kept: try again')
    named = re.search(r'-([0-9a-f]{8,64})\.\w+$', _name(address))
    if named and not digest.startswith(named[1]):
        raise CheckpointError(
            f'checkpoint={address!r} arrived with SHA-256 {digest}, its name promises {named[1]}; '
            'nothing was kept: the server gave another file')


def _copy(response: Any, file: IO[bytes]) -> tuple[int, str]:
    """Bytes copied, and their SHA-256."""
    received, sha = 0, hashlib.sha256()
    while chunk := response.read(_CHUNK):
        file.write(chunk)
        sha.update(chunk)
        received += len(chunk)
    return received, sha.hexdigest()
