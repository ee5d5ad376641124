"""Measure how long a student takes to read a batch at every scale it could have been given."""
from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Any, Callable, Sequence

import torch
from made_up_batches import pages
from mmengine.config import DictAction
from mmengine.registry import init_default_scope
from mmocr.registry import MODELS
from outputs import in_one_line
from torch import Tensor

from mmocr_kd.adapters.image_sizes import valid_sizes
from mmocr_kd.apis import read_config, student_config
from mmocr_kd.measure import Case, Timing, interleave, median_ratio
from mmocr_kd.models.dld.candidates import candidate_logits, evaluating
from mmocr_kd.models.dld.shrinking import Shrinker
from mmocr_kd.models.spotters import Words

BATCHED, ALONE, OFFICIAL = 'batched', 'one by one', 'one by one, training'
BFLOAT16 = 'batched, bfloat16'
TARGET = 2


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__ + ' DLD trains its selector by what the student reads at each of K '
        "scales. DLD's official code shrinks and reads one image at one scale at a time, the "
        'student in training mode. Here all images of a batch are read together, in eval mode. '
        'Both take turns. Others tell where time goes: one by one in eval mode, and batched with '
        'candidate_dtype=bfloat16. Images are noise with random words.',
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument('config', help='of a spotter, or of DLD with one')
    parser.add_argument('--batch-size', type=int, default=4, help='images')
    parser.add_argument('--size', type=int, nargs=2, default=(512, 512), metavar=('H', 'W'),
                        help='of the images')
    parser.add_argument('--words', type=int, default=6, help='per image')
    parser.add_argument('--letters', type=int, default=8, help='of the longest words')
    parser.add_argument('--scales', type=float, nargs='+', default=(.3, .4, .5, .6, .7, .8),
                        help='to read at')
    parser.add_argument('--iters', type=int, default=10, help='rounds that count')
    parser.add_argument('--warmup', type=int, default=2, help='rounds before them')
    parser.add_argument('--threads', type=int, default=1, help='CPU threads of PyTorch')
    parser.add_argument('--cpu-time', action='store_true',
                        help='count the CPU time of this process instead of the time that passes')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={},
                        help='changes to the config, key=value')
    return parser.parse_args(argv)


def build_spotter(args: argparse.Namespace) -> Any:
    """The spotter of a config, with random weights.

    Args:
        args: The command line.
    """
    with in_one_line():
        cfg = read_config(args.config, args.cfg_options)
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    torch.manual_seed(0)
    return MODELS.build(student_config(cfg.model))


class Reader:
    """Reads annotated words of a batch at several scales, in different ways.

    Args:
        spotter: The student.
        inputs: What its data preprocessor made of a batch, shape (B, 3, H, W).
        data_samples: B samples with words in each.
        scales: K factors in (0, 1].
    """

    def __init__(self, spotter: Any, inputs: Tensor, data_samples: Sequence[Any],
                 scales: Sequence[float]) -> None:
        self.spotter = spotter
        self.inputs, self.data_samples, self.scales = inputs, data_samples, scales
        with evaluating(spotter):  # no jitter: all ways see the same words
            self.words: Words = spotter.words_of(data_samples)
            self.images = [self._single(*each) for each
                           in zip(inputs, data_samples, valid_sizes(inputs, data_samples))]

    def batched(self, dtype: torch.dtype | None = None) -> Tensor:
        """As :class:`~mmocr_kd.models.dld.DLDTextSpotter` does; logits (K, N, T, V)."""
        with evaluating(self.spotter):
            return candidate_logits(self.spotter, self.inputs, self.data_samples, self.words,
                                    self.scales, dtype=dtype)

    @torch.no_grad()
    def one_by_one(self) -> Tensor:
        """As DLD's official code does: a pass of one image for each scale; the same logits."""
        shrink = Shrinker()
        logits = []
        for scale in self.scales:
            for image, samples, words in self.images:
                small = shrink(image, samples, [scale])
                reading = self.spotter.read_along(small.inputs, small.data_samples,
                                                  words.scaled(small.factors))
                logits.append(reading.logits[0])
        return torch.cat(logits).view(len(self.scales), len(self.words), *logits[0].shape[1:])

    def cases(self) -> dict[str, Case]:
        """What takes turns; the student's mode is set before the clock runs."""
        return {BATCHED: partial(self._in_mode, True, self.batched),
                ALONE: partial(self._in_mode, False, self.one_by_one),
                OFFICIAL: partial(self._in_mode, True, self.one_by_one),
                BFLOAT16: partial(self._in_mode, True, partial(self.batched, torch.bfloat16))}

    def _in_mode(self, training: bool, run: Callable[[], Tensor]) -> Callable[[], Tensor]:
        self.spotter.train(training)
        return run

    def _single(self, image: Tensor, sample: Any,
                size: tuple[int, int]) -> tuple[Tensor, list[Any], Words]:
        return image[None, :, :size[0], :size[1]], [sample], self.spotter.words_of([sample])


def prepare(args: argparse.Namespace) -> Reader:
    """Build what is measured.

    Args:
        args: The command line.
    """
    spotter = build_spotter(args)
    charset = ''.join(c for c in spotter.rec_decoder.dictionary.dict if len(c) == 1)
    batch = pages(args.batch_size, args.size, args.words, charset, args.letters)
    batch = spotter.data_preprocessor(batch, training=True)
    return Reader(spotter, batch['inputs'], batch['data_samples'], args.scales)


def report(timings: dict[str, Timing]) -> str:
    """Times, and how they compare.

    Args:
        timings: Name -> timing.
    """
    lines = [f'{"":24}{"median ms":>11}{"quartiles ms":>22}{"gain":>8}']
    for name, timing in timings.items():
        spread = '{:.1f} - {:.1f}'.format(*(1e3 * value for value in timing.quartiles))
        gain = median_ratio(timings[OFFICIAL].seconds, timing.seconds)
        lines.append(f'{name:24}{1e3 * timing.median:11.1f}{spread:>22}{gain.value:8.2f}')
    official = median_ratio(timings[OFFICIAL].seconds, timings[BATCHED].seconds)
    verdict = 'met' if official.value >= TARGET else 'missed'
    return '\n'.join([*lines, f'{OFFICIAL} / {BATCHED}  {official.value:.2f}  (95 % interval '
                      f'{official.low:.2f} - {official.high:.2f}), target >= {TARGET}: {verdict}'])


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    args = parse_args(argv)
    torch.set_num_threads(args.threads)
    reader = prepare(args)
    print(f'{args.config}: {args.batch_size} images of {tuple(reader.inputs.shape[1:])} with '
          f'{len(reader.words)} words, {len(args.scales)} scales; {args.threads} CPU threads, '
          f"{args.iters} rounds after {args.warmup}, {'CPU' if args.cpu_time else 'wall-clock'} "
          f'time, torch {torch.__version__}', flush=True)
    clock = time.process_time if args.cpu_time else time.perf_counter
    print(report(interleave(reader.cases(), args.iters, args.warmup, clock)))


if __name__ == '__main__':
    main()
