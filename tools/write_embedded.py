"""Write the embedded data set to disk in MMOCR's JSON layout."""
from __future__ import annotations

import argparse

from mmocr_kd.datasets.embedded.spec import PER, SPLITS, UNITS, SceneSpec
from mmocr_kd.datasets.embedded.writer import TASKS, write_split


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    default = SceneSpec()
    parser = argparse.ArgumentParser(
        description=__doc__ + ' Nothing is downloaded; calling it again after an interruption '
        'goes on where it stopped. Images are PNG, equal to what the Embedded* data sets render.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('root', help='folder to write to, e.g. data/embedded')
    for split, count in dict(train=1000, val=100, test=200).items():
        parser.add_argument(f'--{split}', type=int, default=count, metavar='N',
                            help=f'number of {split} images, 0 for none')
    parser.add_argument('--tasks', nargs='+', choices=tuple(TASKS), default=list(TASKS),
                        help='what to write annotations for')
    parser.add_argument('--seed', type=int, default=default.seed, help='seed of the data set')
    for name, labels in (('image_size', ('WIDTH', 'HEIGHT')), ('text_height', ('MIN', 'MAX')),
                         ('num_blocks', ('MIN', 'MAX'))):
        parser.add_argument('--' + name.replace('_', '-'), type=int, nargs=2, metavar=labels,
                            default=getattr(default, name), help='see SceneSpec')
    parser.add_argument('--difficulty', type=float, default=default.difficulty,
                        help='0 is clean, 2 is harsh')
    parser.add_argument('--text-height-per', choices=PER, default=default.text_height_per,
                        help='what shares one text height')
    for name in ('photos', 'fonts', 'words'):
        parser.add_argument(f'--{name}', default='', metavar='PATH',
                            help=f'{name} of yours, see SceneSpec')
    parser.add_argument('--unit', choices=UNITS, default=default.unit, help='what is annotated')
    parser.add_argument('--workers', type=int, default=1,
                        help='number of processes; the result is the same')
    return parser.parse_args()


def main() -> None:
    """Write every split that was asked for."""
    args = parse_args()
    for split in SPLITS:
        if count := getattr(args, split):
            spec = SceneSpec(split, args.seed, tuple(args.image_size), tuple(args.text_height),
                             tuple(args.num_blocks), args.difficulty, args.text_height_per,
                             args.photos, args.fonts, args.words, args.unit)
            print(f'{split}: {count} images of {spec.name}')
            for path in write_split(args.root, spec, count, args.tasks, args.workers):
                print(path)


if __name__ == '__main__':
    main()
