"""Models that are measured side by side: the same photos in, polygons or texts out."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import numpy as np
import torch

from ..reader import Detector, OnnxFile, Recognizer
from ..reader.detection import Found
from ..teachers.rapidocr_models import rapidocr_model
from .export import Network, plain_model
from .read_config import read_config

# A photo, BGR -> its polygons and their scores, or its text and that one's score.
Answer = Found | tuple[str, float]
KINDS = ('FILE.onnx', 'openvino:FILE.onnx', 'CONFIG:CHECKPOINT', 'compile:CONFIG:CHECKPOINT',
         'rapidocr')


class Contestant:
    """A model that answers photos one by one.

    Args:
        spec: One of :data:`KINDS`: a file of ``mmocr-kd export`` in ONNX Runtime or in OpenVINO;
            the student of a config in PyTorch, or compiled; PP-OCR as the package rapidocr runs it.
        threads: That it may use.
        task: 'detection' or 'recognition', for PP-OCR, which does both.

    Attributes:
        task: Which of them it does.
        size: Of its file, in bytes.

    Raises:
        FileNotFoundError, ValueError, ImportError: If there is no such model, or nothing runs it.
    """

    def __init__(self, spec: str, threads: int, task: str | None = None) -> None:
        torch.set_num_threads(threads)
        if spec == 'rapidocr':
            self.task = task or 'detection'
            self.answer, self.size = _rapidocr(self.task, threads)
            return
        file, self.size = _file(spec, threads)
        self.task = file.about['task']
        self.answer = Detector(file) if self.task == 'detection' else _word(Recognizer(file))

    def __call__(self, photo: np.ndarray) -> Answer:
        """Find text, or read a word.

        Args:
            photo: BGR, uint8, shape (H, W, 3).
        """
        return self.answer(photo)


def require_files(spec: str) -> None:
    """Check what can be checked before a process is started.

    Args:
        spec: See :class:`Contestant`.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If it is of none of the kinds.
    """
    for path in _parts(spec)[1] if spec != 'rapidocr' else ():
        if not Path(path).is_file():
            raise FileNotFoundError(f'{spec!r}: there is no file {path!r}')


def _parts(spec: str) -> tuple[str, tuple[str, ...]]:
    """Engine and files; a config and a checkpoint, or one file."""
    engine, _, rest = spec.partition(':')
    if spec.endswith('.onnx'):
        return ('openvino', (rest, )) if engine == 'openvino' else ('onnxruntime', (spec, ))
    config, _, checkpoint = (rest if engine == 'compile' else spec).rpartition(':')
    if not config:
        raise ValueError(f'{spec!r} is none of {", ".join(KINDS)}')
    return ('compile' if engine == 'compile' else 'pytorch', (config, checkpoint))


def _word(recognizer: Recognizer) -> Callable[[np.ndarray], Answer]:
    return lambda photo: recognizer([photo])[0]


def _file(spec: str, threads: int) -> tuple[Any, int]:
    engine, paths = _parts(spec)
    size = Path(paths[-1]).stat().st_size
    if engine in ('openvino', 'onnxruntime'):
        kind = _OpenVinoFile if engine == 'openvino' else OnnxFile
        return kind(paths[0], threads), size
    return _TorchFile(paths[0], paths[1], engine == 'compile'), size


class _OpenVinoFile(OnnxFile):
    """The same file in OpenVINO, in single precision where it is."""

    def __init__(self, path: str, threads: int) -> None:
        super().__init__(path, threads)
        try:
            import openvino
        except ImportError as error:
            raise ImportError("'openvino:' needs it: pip install openvino") from error
        self._compiled = openvino.Core().compile_model(path, 'CPU', {
            'INFERENCE_NUM_THREADS': threads, 'INFERENCE_PRECISION_HINT': 'f32'})

    def _run(self, images: np.ndarray, valid_ratios: np.ndarray) -> np.ndarray:
        answer: np.ndarray = self._compiled(self.feed(images, valid_ratios))[0]
        return answer


class _TorchFile(OnnxFile):
    """A student in PyTorch, behind what a file would be asked."""

    def __init__(self, config: str, checkpoint: str, compiled: bool) -> None:
        self.path = config
        model, self.about = plain_model(read_config(config), checkpoint)
        self._network: Any = Network(model, self.about)
        if compiled:
            self._network = torch.compile(self._network, dynamic=True)

    @torch.inference_mode()
    def __call__(self, images: np.ndarray, valid_ratios: np.ndarray) -> np.ndarray:
        """See :class:`OnnxFile`."""
        ratios = (torch.from_numpy(valid_ratios.astype(np.float64)), ) * self._network.masked
        answer: np.ndarray = self._network(torch.from_numpy(images), *ratios).numpy()
        return answer


def _rapidocr(task: str, threads: int) -> tuple[Callable[[np.ndarray], Answer], int]:
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise ImportError("'rapidocr' needs it: pip install 'mmocr_kd[rapidocr]'") from error
    engine = RapidOCR(params={'Global.log_level': 'error',
                              'EngineConfig.onnxruntime.intra_op_num_threads': threads})

    def find(photo: np.ndarray) -> Answer:
        found: Any = engine(photo, use_det=True, use_cls=False, use_rec=False)
        return [np.asarray(box, np.float32) for box in ([] if found.boxes is None else found.boxes)
                ], list(found.scores or [])

    def read(photo: np.ndarray) -> Answer:
        found: Any = engine(photo, use_det=False, use_cls=False, use_rec=True)
        return (found.txts or [''])[0], float((found.scores or [0.])[0])

    answer, name = {'detection': (find, 'det'), 'recognition': (read, 'rec')}[task]
    return answer, rapidocr_model(name).path.stat().st_size
