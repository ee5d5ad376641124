"""Write low-resolution words, degraded once and for all, as LMDB."""
from __future__ import annotations

import argparse
from typing import Any

from mmengine.registry import init_default_scope
from mmocr.registry import DATASETS

from mmocr_kd.datasets.transforms.degradation import OPERATIONS
from mmocr_kd.datasets.words.write_words import LAYOUTS, write_words


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' The images equal what SynthesizeLR, PairedResize and '
        'TextDegradation make of the same words while training or testing. Calling it again after '
        'an interruption goes on where it stopped.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('out', help='LMDB folder to write, e.g. data/str/IC15_2077_degraded')
    _add_source(parser)
    _add_images(parser)
    return parser.parse_args()


def _add_source(parser: argparse.ArgumentParser) -> None:
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument('--words', metavar='LMDB', default=argparse.SUPPRESS,
                        help="take the words of an LMDB file in MMOCR's layout")
    source.add_argument('--embedded', choices=('train', 'val', 'test'), default=argparse.SUPPRESS,
                        help='take rendered words, which need no download')
    parser.add_argument('--num-images', type=int, default=1000, metavar='N',
                        help='rendered scenes to cut words from, some seven each')
    parser.add_argument('--embedded-seed', type=int, default=0, metavar='SEED',
                        help='seed of the rendered scenes')
    parser.add_argument('--on-error', choices=('raise', 'skip'), default='raise',
                        help='what to do about broken images')


def _add_images(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--layout', choices=tuple(LAYOUTS), default='textzoom',
                        help='pairs as TextZoomDataset reads them, or the small images alone as '
                        'CheckedRecogLMDBDataset reads them')
    parser.add_argument('--lr-size', type=int, nargs=2, default=(64, 16),
                        metavar=('WIDTH', 'HEIGHT'), help='size of the small images')
    parser.add_argument('--hr-size', type=int, nargs=2, default=(128, 32),
                        metavar=('WIDTH', 'HEIGHT'), help='size of the large images')
    parser.add_argument('--scale', type=float, metavar='FACTOR', default=argparse.SUPPRESS,
                        help='instead of fixed sizes: leave large images as they are, and make '
                        'small ones this many times smaller')
    parser.add_argument('--prob', type=float, default=0.25,
                        help='probability of each degradation; 0 only shrinks')
    parser.add_argument('--operations', nargs='*', choices=tuple(OPERATIONS),
                        default=list(OPERATIONS), metavar='NAME',
                        help=f'degradations to choose from: {", ".join(OPERATIONS)}')
    parser.add_argument('--seed', type=int, default=0, help='seed of the degradations')


def source(args: argparse.Namespace) -> dict[str, Any]:
    """Config of the data set to take words from."""
    if 'words' in args:
        return dict(type='CheckedRecogLMDBDataset', ann_file=args.words, on_error=args.on_error)
    return dict(type='EmbeddedTextRecogDataset', split=args.embedded, num_images=args.num_images,
                seed=args.embedded_seed)


def pipeline(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Steps that make small images out of large ones."""
    if 'scale' in args:
        shrink = [dict(type='SynthesizeLR', scale=args.scale)]
    else:
        shrink = [dict(type='SynthesizeLR', scale=1),
                  dict(type='PairedResize', lr_scale=args.lr_size, hr_scale=args.hr_size)]
    degrade = dict(type='TextDegradation', prob=args.prob, seed=args.seed,
                   seed_by_image=True, operations={name: {} for name in args.operations})
    return [dict(type='LoadImageFromFile'), *shrink, degrade]


def main() -> None:
    """Write the set."""
    args = parse_args()
    init_default_scope('mmocr')
    config = dict(source(args), pipeline=pipeline(args))
    # In test mode nothing is drawn in place of a broken image: it is left out, or an error.
    dataset = DATASETS.build(dict(config, test_mode=True))
    print(write_words(dataset, args.out, args.layout, config))


if __name__ == '__main__':
    main()
