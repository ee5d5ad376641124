"""Latency, memory, size and score of models, on the same photos, side by side."""
from __future__ import annotations

import csv
import multiprocessing
import resource
import time
from dataclasses import asdict, dataclass, fields
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Iterator, Sequence

import numpy as np
import torch
from mmengine.logging import MMLogger
from mmengine.structures import InstanceData, LabelData
from mmocr.evaluation import HmeanIOUMetric
from mmocr.structures import TextDetDataSample, TextRecogDataSample

from ..datasets.label_files import LabelledPhoto, Text
from ..evaluation import CheckedWordMetric
from ..reader.photos import load
from .bench_models import Answer, Contestant, require_files

MIN_SCORE = .5  # of what counts as found by the model that others are compared with


@dataclass
class Row:
    """What was measured of a model.

    Attributes:
        model: As it was given.
        threads: That it might use.
        megabytes: Of its file.
        p50_ms: Median time of a photo, from pixels to polygons or text.
        p95_ms: Of twenty photos nineteen take less.
        memory_mb: By which its process grew: the model, and what looking at photos takes.
        score: hmean (IoU .5, at its best score threshold), or accuracy of words (case and symbols
            ignored), in 0..1; against labels, or against the first model's answers.
    """

    model: str
    threads: int
    megabytes: float
    p50_ms: float
    p95_ms: float
    memory_mb: float
    score: float


def bench(specs: Sequence[str], photos: Sequence[str], threads: int = 1, rounds: int = 3,
          labels: Sequence[LabelledPhoto] | None = None) -> Iterator[list[Row] | None]:
    """Measure models.

    Each has a process of its own. They take turns at every photo, so that all of them meet the
    machine in the same state; in the first round, which does not count, they get to know it.

    Args:
        specs: See :data:`.KINDS`.
        photos: Paths; of words for recognisers.
        threads: That each model may use.
        rounds: How often each looks at each photo, besides the first.
        labels: What is on the photos, one for each, in their order. Without them the answers of
            the first model count.

    Yields:
        None after each photo of each round, the rows at the end.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a model does not start, or does another task than the first; or a photo
            cannot be read.
    """
    for spec in specs:
        require_files(spec)
    workers: list[_Worker] = []
    try:
        for spec in specs:
            workers.append(_Worker(spec, threads, workers[0].task if workers else None))
        for _ in range(rounds + 1):
            for index, photo in enumerate(photos):
                for worker in _rotated(workers, index):
                    worker.ask(photo)
                yield None
        memories = [worker.memory() for worker in workers]
    finally:
        for worker in workers:
            worker.end()
    truth = labels or _as_labels(photos, workers[0].answers)
    yield [worker.row(threads, memory, score_of(worker.task, photos, worker.answers, truth))
           for worker, memory in zip(workers, memories)]


def _rotated(workers: list[_Worker], by: int) -> list[_Worker]:
    by %= len(workers)
    return workers[by:] + workers[:by]


class _Worker:
    """A contestant in a process of its own."""

    def __init__(self, spec: str, threads: int, task: str | None) -> None:
        self.spec = spec
        self.answers: dict[str, Answer] = {}
        self.seconds: list[float] = []
        context = multiprocessing.get_context('spawn')
        self._line, other = context.Pipe()
        self._process = context.Process(target=_work, args=(other, spec, threads, task))
        self._process.start()
        other.close()
        self.task, self.size = self._told()
        if task not in (None, self.task):
            self.end()
            raise ValueError(f'{spec!r} is a model of {self.task}, the first one of {task}: '
                             'measure them by themselves')

    def ask(self, photo: str) -> None:
        """Have it look at a photo; the first time is not noted."""
        self._line.send(photo)
        answer, seconds = self._told()
        if photo in self.answers:
            self.seconds.append(seconds)
        self.answers[photo] = answer

    def memory(self) -> float:
        """By how many MB its process grew."""
        self._line.send(None)
        return float(self._told())

    def row(self, threads: int, memory: float, score: float) -> Row:
        p50, p95 = np.percentile(self.seconds, [50, 95]) * 1000
        return Row(self.spec, threads, self.size / 1e6, float(p50), float(p95), memory, score)

    def end(self) -> None:
        self._line.close()
        self._process.terminate()
        self._process.join()

    def _told(self) -> Any:
        try:
            told = self._line.recv()
        except EOFError:
            raise ValueError(f'the process of {self.spec!r} has ended: was it killed for want of '
                             'memory?') from None
        if isinstance(told, Exception):
            raise ValueError(f'{self.spec}: {told}') from told
        return told


def _work(line: Connection, spec: str, threads: int, task: str | None) -> None:
    """What the process does: tell task and size, then answer photos until nobody asks."""
    try:
        before = _peak()
        contestant = Contestant(spec, threads, task)
        line.send((contestant.task, contestant.size))
        while (path := line.recv()) is not None:
            photo = load(path)
            begin = time.perf_counter()
            answer = contestant(photo)
            line.send((answer, time.perf_counter() - begin))
        line.send(_peak() - before)
    except EOFError:
        pass
    except Exception as error:
        line.send(ValueError(str(error)))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _as_labels(photos: Sequence[str], answers: dict[str, Answer]) -> list[LabelledPhoto]:
    """What a model is sure of, as labels."""
    return [LabelledPhoto(photo, None, _texts(answers[photo])) for photo in photos]


def _texts(answer: Answer) -> list[Text]:
    found: Any = answer
    if isinstance(found[0], str):
        return [Text([], found[0])]
    return [Text(np.asarray(polygon, float).flatten().tolist())
            for polygon, score in zip(*found) if score >= MIN_SCORE]


def score_of(task: str, photos: Sequence[str], answers: dict[str, Answer],
             labels: Sequence[LabelledPhoto]) -> float:
    """Score as MMOCR's metrics do: hmean, or word accuracy.

    Args:
        task: 'detection' or 'recognition'.
        photos: Paths.
        answers: Of each.
        labels: Of each, in their order.
    """
    judge = _found if task == 'detection' else _read
    metric: Any = HmeanIOUMetric() if task == 'detection' else CheckedWordMetric(
        mode='ignore_case_symbol')
    samples = [judge(answers[photo], label.texts) for photo, label in zip(photos, labels)]
    metric.process(None, [sample.to_dict() for sample in samples])
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel('WARNING')  # it tells every threshold
    scores = metric.evaluate(len(samples))
    logger.setLevel(level)
    return float(scores['icdar/hmean' if task == 'detection' else
                        'recog/word_acc_ignore_case_symbol'])


def _found(answer: Answer, texts: Sequence[Text]) -> TextDetDataSample:
    polygons, scores = answer
    sample = TextDetDataSample()
    sample.gt_instances = InstanceData(
        polygons=[np.array(text.polygon, np.float32) for text in texts],
        ignored=torch.tensor([text.ignore for text in texts], dtype=torch.bool))
    sample.pred_instances = InstanceData(
        polygons=[np.asarray(polygon, np.float32).flatten() for polygon in polygons],
        scores=torch.tensor(scores, dtype=torch.float32))
    return sample


def _read(answer: Answer, texts: Sequence[Text]) -> TextRecogDataSample:
    sample = TextRecogDataSample()
    sample.gt_text = LabelData(item=' '.join(text.text or '' for text in texts))
    sample.pred_text = LabelData(item=answer[0])
    return sample


def short_names(rows: Sequence[Row]) -> list[str]:
    """Models without the folders of their files, where that leaves them different.

    Args:
        rows: What was measured.
    """
    whole = [row.model for row in rows]
    short = [':'.join(Path(part).name for part in model.split(':')) for model in whole]
    return short if len(set(short)) == len(set(whole)) else whole


def write_csv(rows: Sequence[Row], path: str) -> None:
    """Write the rows.

    Args:
        rows: What was measured.
        path: Of the file.

    Raises:
        OSError: If it cannot be written.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', newline='') as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def draw(rows: Sequence[Row], path: str, score: str) -> None:
    """Draw score over latency; the size of a point is that of the file.

    Args:
        rows: What was measured.
        path: Of the picture.
        score: What the score is called.

    Raises:
        ImportError: If there is no Matplotlib.
        OSError: If it cannot be written.
    """
    figure = scatter(rows, score)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)


def scatter(rows: Sequence[Row], score: str) -> Any:
    """See :func:`draw`. Names stand below: beside points as near as engines are, they overlap.

    Args:
        rows: What was measured.
        score: What the score is called.

    Returns:
        A Matplotlib figure.
    """
    from matplotlib.figure import Figure  # not pyplot, which looks for a display
    from matplotlib.ticker import LogFormatter
    figure = Figure((7, 4 + .2 * len(rows)), layout='constrained', facecolor='white')
    axes = figure.subplots()
    for row, name, marker in zip(rows, short_names(rows), cycle('osD^vPX')):
        axes.scatter(row.p50_ms, row.score, s=20 + 10 * row.megabytes, alpha=.6, marker=marker,
                     label=f'{name}, {row.megabytes:.1f} MB')
    axes.set_xscale('log')
    axes.xaxis.set_major_formatter(LogFormatter())  # 30, not 3 x 10^1
    axes.xaxis.set_minor_formatter(LogFormatter())
    axes.set_xlabel(f'median milliseconds a photo, {rows[0].threads} thread(s)')
    axes.set_ylabel(score)
    axes.grid(alpha=.3, which='both')
    legend: Any = figure.legend(loc='outside lower left', fontsize='small')
    for handle in legend.legend_handles:
        handle.set_sizes([40])
    return figure
