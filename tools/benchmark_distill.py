"""Measure what distillation costs a training step, beside the step without it."""
from __future__ import annotations

import argparse
import copy
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable

os.environ.setdefault('KINETO_LOG_LEVEL', '9')  # before torch: its profiler is chatty

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.dataset import pseudo_collate
from mmengine.model import is_model_wrapper
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from mmocr.registry import MODELS, TRANSFORMS
from torch import Tensor, nn

from mmocr_kd.adapters import build_teacher, build_term
from mmocr_kd.apis import Distillation, find_distillation
from mmocr_kd.distill import Teacher, model_config
from mmocr_kd.hooks import MaskETDistillHook
from mmocr_kd.measure import Case, Timing, interleave, peak_bytes, tensor_bytes

STUDENT, TEACHER, DISTILLED = 'student step', 'teacher forward', 'distilled step'
TARGET = 1.05


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' Student step (forward, backward, optimizer), teacher forward and '
        'distilled step take turns in one process, so a drifting machine is fair to all. The '
        'ratio (distilled - student) / teacher forward says what is paid beyond the teacher '
        'itself: 1.00 is nothing. CUDA_VISIBLE_DEVICES= (empty) measures on the CPU.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('config', help='with a MaskETDistillHook or a DBNetDistiller')
    parser.add_argument('--iters', type=int, default=20, help='rounds that count')
    parser.add_argument('--warmup', type=int, default=3, help='rounds before them')
    parser.add_argument('--batch-size', type=int, help="by default the config's")
    parser.add_argument('--size', type=int, nargs=2, metavar=('H', 'W'), default=(640, 640),
                        help='of the made-up images')
    parser.add_argument('--polygons', type=int, default=8, help='texts per made-up image')
    parser.add_argument('--real-data', action='store_true',
                        help="take a batch of the config's training data instead")
    parser.add_argument('--random-teacher', action='store_true',
                        help='random weights instead of the checkpoint (as fast, nothing needed)')
    parser.add_argument('--threads', type=int, help='CPU threads of PyTorch')
    parser.add_argument('--cpu-time', action='store_true',
                        help='count the CPU time of this process instead of the time that passes: '
                        'for a CPU that is busy with other things, too')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={},
                        help='changes to the config, key=value')
    return parser.parse_args(argv)


def randomize_teacher(teacher: dict[str, Any], folder: str) -> None:
    """Point a teacher's config to a checkpoint of random weights.

    Args:
        teacher: Its ``checkpoint`` is replaced.
        folder: Where to write the checkpoint.
    """
    teacher['checkpoint'] = str(Path(folder, 'random_teacher.pth'))
    model = MODELS.build(model_config(teacher['config']))
    torch.save(model.state_dict(), teacher['checkpoint'])


def synthetic_batch(batch_size: int, size: tuple[int, int], polygons: int) -> dict[str, Any]:
    """Noise with rectangles annotated as text, packed as MMOCR's pipelines do.

    Args:
        batch_size: How many images.
        size: Height and width in pixels.
        polygons: Texts per image.
    """
    rng = np.random.default_rng(0)
    pack = TRANSFORMS.build(dict(type='PackTextDetInputs', meta_keys=('ori_shape', 'img_shape')))
    return pseudo_collate([pack(_sample(rng, size, polygons)) for _ in range(batch_size)])


def _sample(rng: np.random.Generator, size: tuple[int, int], polygons: int) -> dict[str, Any]:
    scale = np.tile(size[::-1], 2)
    corners = np.stack([rng.uniform(low, low + .4, polygons) for low in (0, 0, .4, .4)], 1)
    boxes = ((corners - .4) * rng.uniform(.2, .5, (polygons, 1)) + .5) * scale
    boxes = boxes.astype(np.float32)
    return dict(
        img=rng.integers(0, 256, (*size, 3), dtype=np.uint8), ori_shape=size, img_shape=size,
        gt_bboxes=boxes, gt_bboxes_labels=np.zeros(polygons, np.int64),
        gt_ignored=np.zeros(polygons, bool),
        gt_polygons=[box[[0, 1, 2, 1, 2, 3, 0, 3]] for box in boxes])


def real_batch(cfg: Config, batch_size: int) -> dict[str, Any]:
    """The first batch of a config's training data.

    Args:
        cfg: The config.
        batch_size: How many images.
    """
    loader = dict(cfg.train_dataloader, batch_size=batch_size, num_workers=0,
                  persistent_workers=False)
    return next(iter(Runner.build_dataloader(loader, seed=0)))


class Bench:
    """Two equal students, one of them distilled, and a teacher.

    Args:
        cfg: The config; gives optimizer and environment.
        parts: Its distillation; made to begin with the first step.
        batch: As a data loader gives it.
        folder: For the logs of MMEngine's runners.
    """

    def __init__(self, cfg: Config, parts: Distillation, batch: dict[str, Any],
                 folder: str) -> None:
        self.batch = batch
        for part in (*parts.hooks, *([] if parts.hooks else [parts.model])):
            part['schedule'] = None
        self.student = _runner(cfg, parts.student, [], Path(folder, 'student'))
        self.distilled = _runner(cfg, parts.model, parts.hooks, Path(folder, 'distilled'))
        for hook in self.distilled.hooks:
            if isinstance(hook, MaskETDistillHook):
                hook.before_train(self.distilled)
        self.teacher = _teacher(parts, _unwrapped(self.student))

    def cases(self) -> dict[str, Case]:
        """What takes turns."""
        return {STUDENT: partial(self._step, self.student), TEACHER: self._teacher_forward,
                DISTILLED: partial(self._step, self.distilled)}

    def resident(self) -> dict[str, int]:
        """Bytes each case needs all the time: weights, and what the optimizer keeps."""
        student, distilled = (_kept(runner) for runner in (self.student, self.distilled))
        model = getattr(self.teacher, 'model', None)
        teacher = tensor_bytes(model.state_dict().values()) if model is not None else 0
        return {STUDENT: student, TEACHER: teacher, DISTILLED: distilled + teacher}

    def transient(self) -> dict[str, int]:
        """Bytes each case needs on top while it runs, at its peak."""
        device = next(self.student.model.parameters()).device
        return {name: peak_bytes(case(), device) for name, case in self.cases().items()}

    def _step(self, runner: Runner) -> Callable[[], Any]:
        # A fresh copy for each step: MMOCR's DB loss moves the polygons.
        batch = copy.deepcopy(self.batch)
        return partial(runner.model.train_step, batch, optim_wrapper=runner.optim_wrapper)

    def _teacher_forward(self) -> Callable[[], Any]:
        model = _unwrapped(self.student)
        data = model.data_preprocessor(copy.deepcopy(self.batch), True)

        def forward() -> None:
            with self.student.optim_wrapper.optim_context(model):  # AMP, if the config says so
                self.teacher(data['inputs'], data['data_samples'])

        return forward


def _runner(cfg: Config, model: dict[str, Any], hooks: list[dict[str, Any]],
            folder: Path) -> Runner:
    runner = Runner(
        model=copy.deepcopy(model), work_dir=str(folder), custom_hooks=copy.deepcopy(hooks),
        env_cfg=cfg.get('env_cfg', dict(dist_cfg=dict(backend='nccl'))), log_level='ERROR',
        default_scope=cfg.get('default_scope', 'mmocr'), randomness=dict(seed=0),
        experiment_name=f'{folder.parent.name}_{folder.name}')
    runner.optim_wrapper = runner.build_optim_wrapper(copy.deepcopy(cfg.optim_wrapper))
    runner.model.train()
    return runner


def _teacher(parts: Distillation, student: nn.Module) -> Teacher:
    teacher = build_teacher(copy.deepcopy(parts.teacher))
    terms = [build_term(**copy.deepcopy(term)) for term in parts.terms]
    teacher.bind(student, {f'term{i}': term.teacher for i, term in enumerate(terms)})
    return teacher


def _unwrapped(runner: Runner) -> nn.Module:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _kept(runner: Runner) -> int:
    state = runner.optim_wrapper.optimizer.state.values()
    slots: list[Tensor] = [value for slot in state for value in slot.values()]
    return tensor_bytes([*runner.model.state_dict().values(), *slots])


def overhead(timings: dict[str, Timing]) -> tuple[float, float, float]:
    """(distilled - student) / teacher forward, from medians.

    Args:
        timings: Of all three cases, measured in the same rounds.

    Returns:
        The ratio and the bounds of its bootstrapped 95 % interval.
    """
    student, teacher, distilled = (
        torch.tensor(timings[name].seconds) for name in (STUDENT, TEACHER, DISTILLED))
    count = len(student)
    picks = torch.randint(count, (2000, count), generator=torch.Generator().manual_seed(0))
    picks = torch.cat([torch.arange(count)[None], picks])
    ratios = (distilled - student)[picks].quantile(.5, 1) / teacher[picks].quantile(.5, 1)
    low, high = ratios[1:].quantile(torch.tensor([.025, .975])).tolist()
    return ratios[0].item(), low, high


def report(timings: dict[str, Timing], resident: dict[str, int], transient: dict[str, int]) -> str:
    """Everything measured, as a table and two ratios.

    Args:
        timings: Name -> timing.
        resident: Name -> bytes needed all the time.
        transient: Name -> bytes needed on top, at the peak.
    """
    lines = [f'{"":16}{"median ms":>11}{"quartiles ms":>20}{"peak MB":>11}{"of it resident":>17}']
    for name, timing in timings.items():
        spread = '{:.1f} - {:.1f}'.format(*(1e3 * value for value in timing.quartiles))
        peak = (resident[name] + transient[name]) / 1e6
        lines.append(f'{name:16}{timing.median * 1e3:11.1f}{spread:>20}{peak:11.1f}'
                     f'{resident[name] / 1e6:17.1f}')
    ratio, low, high = overhead(timings)
    verdict = 'met' if ratio <= TARGET else 'missed'
    peak = {name: resident[name] + transient[name] for name in timings}
    extra = peak[DISTILLED] - peak[STUDENT]
    lines += [
        '', '(distilled - student) / teacher forward',
        f'  time    {ratio:.3f}  (95 % interval {low:.3f} - {high:.3f}), target <= {TARGET}: '
        f'{verdict}',
        f'  memory  {extra / peak[TEACHER]:.3f}  ({extra / 1e6:+.1f} MB)'
    ]
    return '\n'.join(lines)


def prepare(args: argparse.Namespace, folder: str) -> Bench:
    """Build what is measured.

    Args:
        args: The command line.
        folder: For temporary files.
    """
    cfg = Config.fromfile(args.config)
    cfg.merge_from_dict(args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    parts = find_distillation(cfg)
    if args.random_teacher:
        randomize_teacher(parts.teacher, folder)
    size = args.batch_size or cfg.train_dataloader.batch_size
    batch = (real_batch(cfg, size) if args.real_data else
             synthetic_batch(size, tuple(args.size), args.polygons))
    return Bench(cfg, parts, batch, folder)


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        bench = prepare(args, folder)
        device = next(bench.student.model.parameters()).device
        images = bench.batch['inputs']
        print(f'{Path(args.config).name}: batch of {len(images)} x {tuple(images[0].shape)} on '
              f'{device}, {torch.get_num_threads()} CPU threads, {args.iters} rounds after '
              f"{args.warmup}, {'CPU' if args.cpu_time else 'wall-clock'} time, torch "
              f'{torch.__version__}', flush=True)
        clock = time.process_time if args.cpu_time else time.perf_counter
        timings = interleave(bench.cases(), args.iters, args.warmup, clock)
        print(report(timings, bench.resident(), bench.transient()))


if __name__ == '__main__':
    main()
