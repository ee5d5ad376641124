"""Write a training checkpoint's student as a plain checkpoint for testing and deployment."""
from __future__ import annotations

import argparse
from pathlib import Path

from mmengine.config import DictAction
from outputs import in_one_line

from mmocr_kd.apis import read_config
from mmocr_kd.apis.export import export_plain


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' Keeps the weights and the meta data; leaves out the adaptors of '
        'DBNetDistiller, the projectors of LowResRecognizerDistiller, the selector of '
        'DLDTextSpotter (unless told otherwise), the other student of MutualDistiller, optimizer, '
        'the schedulers and the log. The '
        "result loads strictly into the student's plain config. \"mmocr-kd export\" does the same, "
        'and writes ONNX files.')
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


def main(argv: list[str] | None = None) -> None:
    """Read, strip, write, report."""
    args = parse_args(argv)
    with in_one_line():
        cfg = read_config(args.config, args.cfg_options) if args.config else None
        plain = export_plain(args.checkpoint, args.out, cfg, args.with_selector, args.peer,
                             args.half)
    before = args.checkpoint.stat().st_size
    plain.save(args.out)
    print('\n'.join(plain.told(args.out, before)))


if __name__ == '__main__':
    main()
