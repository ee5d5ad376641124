"""Measure what makes a DBNet's training step faster and leaves its results alone."""
from __future__ import annotations

import argparse
import copy
import tempfile
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable

import torch
from made_up_batches import texts_in_images
from mmengine.config import Config, DictAction
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmocr.registry import MODELS, TRANSFORMS
from outputs import in_one_line

from mmocr_kd.adapters import text_logits
from mmocr_kd.apis import find_distillation, read_config, student_config
from mmocr_kd.distill import ModelTeacher, model_config
from mmocr_kd.hooks import ChannelsLastHook
from mmocr_kd.measure import Case, Timing, interleave, median_ratio

PLAIN, PREPARED, LAST, COMPILED = ('plain step', 'prepared targets', '+ channels last',
                                   '+ compiled')
TEACHER, HALF = 'teacher forward', 'in bfloat16'


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + " Steps of the plain student: as MMOCR takes them; with targets made "
        'before (by workers of the data loader); with the ChannelsLastHook, too; with --compile '
        "also compiled, as by MMEngine's compile=True. And a forward pass of a teacher of random "
        'weights, in float32 and bfloat16. They take turns in one process.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('config', help='of a DBNet, or with a MaskETDistillHook or DBNetDistiller')
    parser.add_argument('--iters', type=int, default=20, help='rounds that count')
    parser.add_argument('--warmup', type=int, default=3, help='rounds before them')
    parser.add_argument('--batch-size', type=int, default=8, help='images')
    parser.add_argument('--size', type=int, nargs=2, metavar=('H', 'W'), default=(256, 256),
                        help='of the made-up images')
    parser.add_argument('--polygons', type=int, default=8, help='texts per made-up image')
    parser.add_argument('--compile', action='store_true', help='takes minutes on a CPU')
    parser.add_argument('--threads', type=int, help='CPU threads of PyTorch')
    parser.add_argument('--cpu-time', action='store_true',
                        help='count the CPU time of this process instead of the time that passes')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={},
                        help='changes to the config, key=value')
    return parser.parse_args(argv)


def student_cases(cfg: Config, args: argparse.Namespace) -> dict[str, Case]:
    """Steps of equal students.

    Args:
        cfg: The config.
        args: The command line.
    """
    batch = texts_in_images(args.batch_size, tuple(args.size), args.polygons)
    prepared = copy.deepcopy(batch)
    prepare = TRANSFORMS.build(dict(type='DBTargets'))
    for sample in prepared['data_samples']:
        prepare(dict(data_samples=sample))
    kinds = {PLAIN: (batch, 'DBModuleLoss', False, False),
             PREPARED: (prepared, 'PreparedDBModuleLoss', False, False),
             LAST: (prepared, 'PreparedDBModuleLoss', True, False)}
    if args.compile:
        kinds[COMPILED] = prepared, 'PreparedDBModuleLoss', True, True
    return {name: student_step(cfg, *kind) for name, kind in kinds.items()}


def student_step(cfg: Config, batch: dict[str, Any], module_loss: str, channels_last: bool,
                 compiled: bool) -> Case:
    """Steps of one student.

    Args:
        cfg: The config; gives model and optimizer.
        batch: What it sees.
        module_loss: Type of its loss.
        channels_last: Whether it is trained so.
        compiled: Whether it is compiled.
    """
    config = copy.deepcopy(student_config(cfg.model))
    config['det_head']['module_loss']['type'] = module_loss
    model = MODELS.build(_without_downloads(config)).to(_device()).train()
    if channels_last:
        ChannelsLastHook().before_train(SimpleNamespace(model=model))
    optimizer = Runner.build_optim_wrapper(SimpleNamespace(model=model), copy.deepcopy(
        cfg.optim_wrapper))
    step = torch.compile(model.train_step) if compiled else model.train_step
    # A fresh copy for each step: MMOCR's loss moves the polygons.
    return lambda: partial(step, copy.deepcopy(batch), optim_wrapper=optimizer)


def teacher_cases(cfg: Config, args: argparse.Namespace, folder: str) -> dict[str, Case]:
    """Forward passes of a teacher; none if the config has no teacher that is a network.

    Args:
        cfg: The config.
        args: The command line.
        folder: For its random weights.
    """
    try:
        teacher = next(t for t in find_distillation(cfg).teachers if 'config' in t)
    except (ValueError, StopIteration):
        return {}
    path = str(Path(folder, 'random_teacher.pth'))
    torch.save(MODELS.build(_without_downloads(model_config(teacher['config']))).state_dict(), path)
    images = torch.randn(args.batch_size, 3, *args.size, device=_device())
    cases: dict[str, Case] = {}
    for name, dtype in ((TEACHER, None), (HALF, 'bfloat16')):
        built = ModelTeacher(teacher['config'], path, dtype)
        built.bind(torch.nn.Module(), {'logits': text_logits})
        cases[name] = partial(partial, built, images, None)
    return cases


def report(timings: dict[str, Timing]) -> str:
    """Times, and each in relation to the first of its kind.

    Args:
        timings: Name -> timing, of the same rounds.
    """
    lines = [f'{"":18}{"median ms":>11}{"quartiles ms":>20}   of the first']
    for name, timing in timings.items():
        first = timings[TEACHER if name in (TEACHER, HALF) else PLAIN]
        ratio = median_ratio(timing.seconds, first.seconds)
        spread = '{:.1f} - {:.1f}'.format(*(1e3 * value for value in timing.quartiles))
        lines.append(f'{name:18}{timing.median * 1e3:11.1f}{spread:>20}   {ratio.value:.3f} '
                     f'(95 % interval {ratio.low:.3f} - {ratio.high:.3f})')
    return '\n'.join(lines)


def _without_downloads(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_downloads(value) for key, value in node.items() if key != 'init_cfg'}
    return [_without_downloads(item) for item in node] if isinstance(node, list) else node


def _device() -> torch.device:
    return torch.device('cuda' if torch.cuda.is_available() else 'cpu')


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    clock: Callable[[], float] = time.process_time if args.cpu_time else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        with in_one_line():
            cases = {**student_cases(cfg, args), **teacher_cases(cfg, args, folder)}
        print(f'{Path(args.config).name}: batch of {args.batch_size} x {(3, *args.size)} on '
              f'{_device()}, {torch.get_num_threads()} CPU threads, {args.iters} rounds after '
              f"{args.warmup}, {'CPU' if args.cpu_time else 'wall-clock'} time, torch "
              f'{torch.__version__}', flush=True)
        print(report(interleave(cases, args.iters, args.warmup, clock)))


if __name__ == '__main__':
    main()
