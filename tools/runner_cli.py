"""What train.py and test.py share: command line, config, Runner."""
import argparse
import os
from pathlib import Path

from mmengine.config import DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from outputs import in_one_line


def new_parser(description):
    """With the arguments of MMOCR's own train.py and test.py that both of them have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('config', help='config file')
    parser.add_argument('--work-dir', help='folder for logs and checkpoints; without it, that of '
                        'the config, or else work_dirs/<name of the config>')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE',
                        help='fields of the config to replace: a.b=1 c="[1,2]"')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    # torch.distributed.launch passes one or the other, by version
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0,
                        help='set by the launcher')
    return parser


def load_config(args):
    """The config with the command line's common arguments applied; registers mmocr_kd."""
    from mmocr_kd.apis import read_config  # not above: "--help" should not wait for it
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    with in_one_line():
        cfg = read_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    named_after_config = str(Path('work_dirs', Path(args.config).stem))
    cfg.work_dir = args.work_dir or cfg.get('work_dir') or named_after_config
    return cfg


def check_files(cfg, loaders, training=False):
    """Stop, with a line for each, if files are missing that the run will need."""
    from mmocr_kd.apis import require_files
    with in_one_line():
        require_files(cfg, loaders, training)


def build_runner(cfg):
    """Of the config's own type, if it names one."""
    return RUNNERS.build(cfg) if 'runner_type' in cfg else Runner.from_cfg(cfg)
