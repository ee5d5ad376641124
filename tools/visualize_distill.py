"""Draw what teacher and student say about images, and where the loss compares them."""
from __future__ import annotations

import argparse
from pathlib import Path

import cv2
from mmengine.config import DictAction
from mmengine.registry import init_default_scope
from mmocr.registry import DATASETS
from outputs import in_one_line

from mmocr_kd.apis import read_config, require_files
from mmocr_kd.apis.viewer import Viewer, load_item, picture


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' One PNG per image: the input with its annotation (green; red '
        'where ignored), the text probability of teacher and student, their entropies (dark is '
        'certain, bright is unsure), and the mask of the loss (white counts).',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('config', help='with a MaskETDistillHook or a DBNetDistiller')
    parser.add_argument('checkpoint', help="the student's")
    parser.add_argument('out', type=Path, metavar='out_dir', help='where to write the pictures')
    parser.add_argument('--num', type=int, default=8, help='how many images, from the first on')
    parser.add_argument('--term', type=int, default=0,
                        help='which of several terms: whose teacher, and whose mask')
    parser.add_argument('--split', choices=('val', 'test'), default='val', help='of which data')
    parser.add_argument('--device', default='cpu', help='where to run the models')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={},
                        help='changes to the config, key=value')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Draw the pictures."""
    args = parse_args(argv)
    with in_one_line():
        cfg = read_config(args.config, args.cfg_options)
        require_files(cfg, [f'{args.split}_dataloader'], training=True)
        init_default_scope(cfg.get('default_scope', 'mmocr'))
        viewer = Viewer(cfg, args.checkpoint, args.device, args.term)
    dataset = DATASETS.build(cfg[f'{args.split}_dataloader'].dataset)
    args.out.mkdir(parents=True, exist_ok=True)
    for index in range(min(args.num, len(dataset))):
        item = load_item(dataset, index)
        name = f"{index:04d}_{Path(item['data_samples'].img_path).stem}.png"
        cv2.imwrite(str(args.out / name), picture(item, *viewer.look(item)))
        print(args.out / name)


if __name__ == '__main__':
    main()
