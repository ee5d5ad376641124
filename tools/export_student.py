"""Write a training checkpoint's student as a plain checkpoint for testing and deployment."""
from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import mmocr_kd  # noqa: F401  (first of all: allows what MMEngine's checkpoints hold)

ADAPTORS = 'adaptors.'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' Keeps the weights and the meta data; leaves out the adaptors of '
        'DBNetDistiller, the optimizer, the schedulers and the log. The result loads strictly '
        "into the student's plain config.")
    parser.add_argument('checkpoint', type=Path, help='what a training wrote, e.g. epoch_1200.pth')
    parser.add_argument('out', type=Path, help='where to write the plain checkpoint')
    return parser.parse_args(argv)


def read(path: Path) -> dict[str, Any]:
    """Load a checkpoint without running code from it.

    Args:
        path: The file.

    Raises:
        SystemExit: If the file is missing, damaged, or holds no state dict.
    """
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises many types for a damaged or hostile file
        raise SystemExit(f'{path} cannot be read as a checkpoint: {error}') from error
    state = checkpoint.get('state_dict') if isinstance(checkpoint, dict) else None
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise SystemExit(f"{path} holds no 'state_dict': give a checkpoint of mim train")
    return checkpoint


def to_student(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Keep what the plain detector needs.

    Args:
        checkpoint: As MMEngine writes it.

    Returns:
        ``meta`` and the ``state_dict`` without adaptors.
    """
    state = {key: value for key, value in checkpoint['state_dict'].items()
             if not key.startswith(ADAPTORS)}
    return dict(meta=checkpoint.get('meta', {}), state_dict=state)


def save(checkpoint: dict[str, Any], out: Path) -> None:
    """Write all or nothing: an interruption leaves an older ``out`` as it was.

    Args:
        checkpoint: What to write.
        out: Where; its folder is made if missing.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f'{out.name}.{os.getpid()}.part')
    try:
        torch.save(checkpoint, part)
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


def main(argv: list[str] | None = None) -> None:
    """Read, strip, write, report."""
    args = parse_args(argv)
    checkpoint, before = read(args.checkpoint), args.checkpoint.stat().st_size
    student = to_student(checkpoint)
    save(student, args.out)
    kept = len(student['state_dict'])
    dropped = len(checkpoint['state_dict']) - kept
    print(f'wrote {args.out}: kept {kept} tensors, dropped {dropped} of adaptors, '
          f'{args.out.stat().st_size / 1e6:.2f} MB instead of {before / 1e6:.2f} MB')


if __name__ == '__main__':
    main()
