"""Turn a data set as its authors distribute it into MMOCR's JSON layout."""
from __future__ import annotations

import argparse
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmocr_kd  # noqa: F401  (makes MMOCR importable and registers our parsers)

# isort: split
from mmocr.datasets.preparers import DatasetPreparer

ZOO = Path(__file__).resolve().parent.parent / 'configs' / 'dataset_zoo'


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' Nothing is downloaded: docs/data.md says where to get each data '
        "set and where to put it. For data sets of MMOCR's own zoo (icdar2013, icdar2015, "
        'totaltext, ...), pass --dataset-zoo-path <mmocr checkout>/dataset_zoo.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('datasets', nargs='+', help='names of folders in the zoo, e.g. td500')
    parser.add_argument('--task', default='textdet', help='which <task>.py of the zoo to use')
    parser.add_argument('--data-root', help="where the data lies; by default the zoo config's")
    parser.add_argument('--splits', nargs='+', choices=('train', 'test', 'val'),
                        default=['train', 'test', 'val'], help='what to prepare, if it exists')
    parser.add_argument('--nproc', type=int, default=4, help='number of processes')
    parser.add_argument('--dataset-zoo-path', type=Path, default=ZOO, help='the zoo')
    return parser.parse_args()


def load_config(zoo: Path, dataset: str, task: str) -> Config:
    """Load a data set's preparer config and print its licence.

    Args:
        zoo: Folder of the zoo.
        dataset: Name of the data set.
        task: For example 'textdet'.

    Raises:
        SystemExit: If the zoo has no such data set or task, with those it has.
    """
    known = sorted(path.parent.name for path in zoo.glob(f'*/{task}.py'))
    if dataset not in known:
        raise SystemExit(f'{dataset!r} has no {task}.py in {zoo}: it has {", ".join(known)}')
    if (metafile := zoo / dataset / 'metafile.yml').exists():
        meta = Config.fromfile(metafile)
        terms = meta.Data.License
        print(f'{meta.Name}: licence {terms.Type} ({terms.Link}), {meta.Data.Website}')
    return Config.fromfile(zoo / dataset / f'{task}.py')


def require_new(cfg: Config, splits: list[str]) -> None:
    """Refuse to replace annotations, which somebody may have mended by hand.

    Args:
        cfg: Of the preparer.
        splits: What it is to prepare.

    Raises:
        SystemExit: If there are any.
    """
    for split in splits:
        path = Path(cfg.data_root, f'{cfg.task}_{split}.json')
        if f'{split}_preparer' in cfg and path.exists():
            raise SystemExit(f'{path} exists: delete it to prepare it anew, or leave {split!r} out '
                             'of --splits')


def main() -> None:
    """Prepare every data set that was asked for."""
    args = parse_args()
    init_default_scope('mmocr')
    for dataset in args.datasets:
        cfg = load_config(args.dataset_zoo_path, dataset, args.task)
        cfg.merge_from_dict(dict(nproc=args.nproc, task=args.task, dataset_name=dataset))
        # MMOCR's zoo also writes base configs into the current folder: its package has them.
        cfg.config_generator = None
        if args.data_root:
            cfg.data_root = args.data_root
        require_new(cfg, args.splits)
        DatasetPreparer.from_file(cfg).run(args.splits)


if __name__ == '__main__':
    main()
