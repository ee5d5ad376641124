"""Digests of what a teacher is made of."""
from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

_CHUNK = 2**20


def digest_of(content: bytes | Path) -> str:
    """Digest of bytes, or of a file of any size.

    Args:
        content: The bytes, or the file's path.

    Returns:
        32 hexadecimal digits.
    """
    digest = blake2b(digest_size=16)
    if isinstance(content, bytes):
        digest.update(content)
        return digest.hexdigest()
    with open(content, 'rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
