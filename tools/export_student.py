"""Write a training checkpoint's student as a plain checkpoint for testing and deployment."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mmengine.config import Config, DictAction
from outputs import (
    in_one_line,
    require_own_checkpoint,
    require_own_text,
    save_checkpoint,
    save_text,
)
from torch import Tensor

from mmocr_kd.apis import (
    build_loaded,
    deployed_config,
    read_checkpoint,
    read_config,
    student_checkpoint,
)

TOOL = 'export_student'
HEAD = f'# Written by {TOOL}.py of mmocr_kd; it may be replaced by it.'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' Keeps the weights and the meta data; leaves out the adaptors of '
        'DBNetDistiller, the projectors of LowResRecognizerDistiller, the selector of '
        'DLDTextSpotter (unless told otherwise), the other student of MutualDistiller, optimizer, '
        'the schedulers and the log. The '
        "result loads strictly into the student's plain config.")
    parser.add_argument('checkpoint', type=Path, help='what a training wrote, e.g. epoch_1200.pth')
    parser.add_argument('out', type=Path, help='where to write the plain checkpoint; what is there '
                        'already is only replaced if this tool wrote it')
    parser.add_argument('--config',
                        help="the training's config: also write, beside OUT and with the suffix "
                        '.py, a config to test the student with, which needs no teacher')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={},
                        help='fields of the config to replace: a.b=1 c="[1,2]"')
    parser.add_argument('--with-selector', action='store_true',
                        help='of DLD, keep the selector in front of the student')
    parser.add_argument('--peer', action='store_true',
                        help='of MutualDistiller, the second student, not the first')
    parser.add_argument('--half', action='store_true',
                        help='write weights in half precision, in half the size; models that load '
                        'them compute as they did')
    args = parser.parse_args(argv)
    if args.out.suffix == '.py':
        parser.error(f'OUT is the checkpoint, got {args.out}')
    if args.cfg_options and not args.config:
        parser.error('--cfg-options needs --config')
    return args


def export(args: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any], Config | None]:
    """Read and strip; nothing is written yet.

    Args:
        args: The command line.

    Returns:
        The training's checkpoint, the exported one, and the config to test it with, if wanted.

    Raises:
        OSError: If a file is missing, or one that this tool did not write is in the way.
        ValueError: If anything cannot be read, there is no student or no selector to keep, or
            config and weights do not fit.
    """
    require_own_checkpoint(args.out, TOOL)
    whole = read_checkpoint(args.checkpoint)
    student = student_checkpoint(whole, args.with_selector, args.peer)
    if args.peer and not student['state_dict']:
        raise ValueError(f'{args.checkpoint} has no second student: drop --peer')
    if not student['state_dict']:
        raise ValueError(f'{args.checkpoint} holds no weights of a student: its '
                         f'{len(whole["state_dict"])} tensors, such as '
                         f'{next(iter(whole["state_dict"]))!r}, are all of the training alone')
    if args.with_selector and not any(k.startswith('selector.') for k in student['state_dict']):
        raise ValueError(f'{args.checkpoint} has no selector: drop --with-selector')
    if args.half:
        student['state_dict'] = halved(student['state_dict'])
    if args.config is None:
        return whole, student, None
    require_own_text(args.out.with_suffix('.py'), HEAD)
    cfg = deployed_config(read_config(args.config, args.cfg_options), args.with_selector,
                          args.peer)
    build_loaded(cfg, cfg.model, student['state_dict'], args.checkpoint)
    return whole, student, cfg


def halved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Floating tensors in half precision, but for those that hold more than it can say (65,504).

    Args:
        state: Weights by name.
    """
    small = {key: value.half() for key, value in state.items() if value.is_floating_point()}
    return {**state, **{key: value for key, value in small.items()
                        if value.isfinite().equal(state[key].isfinite())}}


def main(argv: list[str] | None = None) -> None:
    """Read, strip, write, report."""
    args = parse_args(argv)
    with in_one_line():
        whole, student, cfg = export(args)
    before = args.checkpoint.stat().st_size
    save_checkpoint(student, args.out, TOOL)
    kept = len(student['state_dict'])
    dropped = len(whole['state_dict']) - kept
    print(f'wrote {args.out}: kept {kept} tensors, dropped {dropped} of the training, '
          f'{args.out.stat().st_size / 1e6:.2f} MB instead of {before / 1e6:.2f} MB')
    if cfg is not None:
        save_text(cfg.pretty_text, args.out.with_suffix('.py'), HEAD)
        print(f'wrote {args.out.with_suffix(".py")}: tests it, needs no teacher')


if __name__ == '__main__':
    main()
