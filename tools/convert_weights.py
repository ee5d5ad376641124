"""Convert weights of official ABINet, MATRN and PARSeq to MMOCR's keys."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mmengine.config import DictAction
from outputs import in_one_line

from mmocr_kd.apis import read_config
from mmocr_kd.apis.own_files import require_own_checkpoint, save_checkpoint
from mmocr_kd.convert import CONVERTERS, Converted, OfficialLayoutError, misfits, read_official

TOOL = 'convert_weights'
# What to start from, for crops of the usual size and of half that size
CONFIGS = {
    'ABINet': ('mmocr::textrecog/abinet/abinet_20e_st-an_mj.py',
               'configs/textrecog/kd_ltr/_base_/models/abinet_lr.py'),
    'MATRN': ('configs/textrecog/matrn/matrn_10e_st_mj.py',
              'configs/textrecog/kd_ltr/_base_/models/matrn_lr.py'),
    'PARSeq': ('configs/textrecog/parseq/parseq_20e_st_mj.py',
               'configs/textrecog/parseq/_base_/models/parseq.py'),
}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + " KD-LTR's students of half the size are recognised by their "
        'weights. Each official tensor has to be known and none may be missing. The result loads '
        'strictly; what its config has to say is printed and kept in its meta data.')
    parser.add_argument('arch', type=_arch, help=f'whose weights: {", ".join(CONVERTERS)}')
    parser.add_argument('official', type=Path, help='what the official repository published')
    parser.add_argument('out', type=Path, help='where to write the converted checkpoint')
    parser.add_argument('--config', help='build this model and load the weights strictly before '
                        'anything is written; also compares settings and classes')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='fields of the config to replace: a.b=1 c="[1,2]"')
    args = parser.parse_args(argv)
    if args.cfg_options and not args.config:
        parser.error('--cfg-options needs --config')
    if args.out.resolve() == args.official.resolve():
        parser.error(f'out={args.out} is the official file: give the result another name')
    return args


def _arch(name: str) -> str:
    if name not in CONVERTERS:
        raise argparse.ArgumentTypeError(
            f'{name!r} is unknown: use {", ".join(CONVERTERS)}, also for files of KD-LTR')
    return name


def check(converted: Converted, config: str, options: dict[str, Any] | None) -> None:
    """Make sure that a config fits the weights.

    Args:
        converted: The weights.
        config: Path of the config, or '<package>::<path>'.
        options: Fields of the config to replace.

    Raises:
        SystemExit: If it does not; the message names each field and key.
    """
    try:
        wrong = misfits(converted, read_config(config, options))
    except (OSError, ValueError) as error:
        raise SystemExit(f'{config}: {error}') from error
    if wrong:
        raise SystemExit('\n  '.join([f'{config} does not fit these weights:', *wrong]))
    print(f'{config} fits: loaded strictly')


def report(converted: Converted) -> None:
    """Print what was converted and what its config has to say.

    Args:
        converted: The weights.
    """
    size = 'crops of half the size (a student of KD-LTR)' if converted.low_resolution else 'crops'
    print(f'{converted.arch} for {size}: {len(converted.state_dict)} tensors\n'
          f'Start from {CONFIGS[converted.arch][converted.low_resolution]}; the config has to say')
    for field, value in converted.settings.items():
        print(f'  {field}={value}'.replace(', ', ','))
    print(f'Classes: {converted.characters or "those it was trained on, in their order"}, end')


def main(argv: list[str] | None = None) -> None:
    """Read, convert, check, write."""
    args = parse_args(argv)
    with in_one_line():
        require_own_checkpoint(args.out, TOOL)
    try:
        converted = CONVERTERS[args.arch](read_official(args.official))
    except OfficialLayoutError as error:
        raise SystemExit(str(error)) from error
    report(converted)
    if args.config:
        check(converted, args.config, args.cfg_options)
    save_checkpoint(converted.checkpoint(), args.out, TOOL)
    print(f'wrote {args.out}: {args.out.stat().st_size / 1e6:.2f} MB')


if __name__ == '__main__':
    main()
