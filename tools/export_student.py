"""Write a training checkpoint's student as a plain checkpoint for testing and deployment."""
from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import torch

from mmocr_kd.apis import read_checkpoint, student_checkpoint


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' Keeps the weights and the meta data; leaves out the adaptors of '
        'DBNetDistiller, the projectors of LowResRecognizerDistiller, optimizer, the schedulers '
        "and the log. The result loads strictly into the student's plain config.")
    parser.add_argument('checkpoint', type=Path, help='what a training wrote, e.g. epoch_1200.pth')
    parser.add_argument('out', type=Path, help='where to write the plain checkpoint')
    return parser.parse_args(argv)


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
    try:
        checkpoint, before = read_checkpoint(args.checkpoint), args.checkpoint.stat().st_size
    except ValueError as error:
        raise SystemExit(str(error)) from error
    student = student_checkpoint(checkpoint)
    save(student, args.out)
    kept = len(student['state_dict'])
    dropped = len(checkpoint['state_dict']) - kept
    print(f'wrote {args.out}: kept {kept} tensors, dropped {dropped} of the training, '
          f'{args.out.stat().st_size / 1e6:.2f} MB instead of {before / 1e6:.2f} MB')


if __name__ == '__main__':
    main()
