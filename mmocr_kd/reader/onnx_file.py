"""An exported model: the graph, and what the file says about itself."""
from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

KEY = 'mmocr_kd'  # of the metadata
VERSION = 2  # 1: knew neither ``shrink`` nor ``cut``


class ForeignFileError(ValueError):
    """An ONNX file that ``mmocr-kd export`` did not write."""


class OnnxFile:
    """Runs a file of ``mmocr-kd export`` with ONNX Runtime, on the CPU.

    Args:
        path: The file.
        threads: How many threads it takes; 0: as many as there are cores.

    Attributes:
        about: What the file says about itself: ``task`` ('detection', 'recognition' or
            'selection'), ``model``, ``image`` (what it sees: see :func:`~.resizing.prepare`), and
            ``postprocessor`` of a detector, ``decoder`` of a recogniser, ``choice`` of a selector
            (see :class:`~.selection.Selector`); of a spotter's parts also ``shrink``, the scale
            at which its detector is shown all photos (see :func:`~.selection.shrunk`), and
            ``cut``, how words are cut out for its recogniser (see :class:`~.cutting.Cut`).

    Raises:
        ImportError: Without ONNX Runtime.
        FileNotFoundError: If there is no such file.
        ForeignFileError: If others wrote it, or a version to come.
        ValueError: If ONNX Runtime cannot load it.
    """

    def __init__(self, path: str | os.PathLike[str], threads: int = 0) -> None:
        self.path = os.fspath(path)
        self._session = _session(self.path, threads)
        self.about = _about(self.path, self._session.get_modelmeta().custom_metadata_map)
        self._inputs = [given.name for given in self._session.get_inputs()]
        self._single = self._session.get_inputs()[0].shape[0] == 1

    def require(self, task: str, option: str) -> None:
        """Refuse a model of another task.

        Args:
            task: The one that is expected.
            option: Where the file was given.

        Raises:
            ValueError: If it is another.
        """
        if self.about['task'] != task:
            other = {'detection': '--det', 'recognition': '--rec',
                     'selection': '--selector'}[self.about['task']]
            raise ValueError(f'{option}={self.path!r} is a model of {self.about["task"]}, expected '
                             f'one of {task}: give it as {other}')

    def __call__(self, images: np.ndarray, valid_ratios: np.ndarray) -> np.ndarray:
        """Run the graph.

        Args:
            images: As :meth:`.resizing.prepare` makes them, float32, shape (N, C, H, W).
            valid_ratios: Share of each width that is no padding, in 0..1, shape (N,); only some
                recognisers ask for it.

        Returns:
            Probabilities: maps of detectors, of characters of recognisers; N entries.

        Raises:
            ValueError: If ONNX Runtime refuses the images.
        """
        step = 1 if self._single else max(len(images), 1)
        return np.concatenate([
            self._run(images[start:start + step], valid_ratios[start:start + step])
            for start in range(0, len(images), step)])

    def _run(self, images: np.ndarray, valid_ratios: np.ndarray) -> np.ndarray:
        try:
            answer: np.ndarray = self._session.run(None, self.feed(images, valid_ratios))[0]
        except Exception as error:  # ONNX Runtime has no common class for its own
            raise ValueError(f'{self.path!r} cannot be run on images of shape {images.shape}: '
                             f'{error}') from error
        return answer


    def feed(self, images: np.ndarray, valid_ratios: np.ndarray) -> dict[str, np.ndarray]:
        """The graph's inputs by name.

        Args:
            images: See :meth:`__call__`.
            valid_ratios: See there.
        """
        return dict(zip(self._inputs, (images, valid_ratios.astype(np.float64))))

    def said(self, **more: Any) -> str:
        """What a file that was made of this one says about itself.

        Args:
            **more: Fields besides.
        """
        return json.dumps({**self.about, **more}, ensure_ascii=False)


def _session(path: str, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError('exported models need ONNX Runtime: pip install onnxruntime') from error
    if not os.path.isfile(path):
        raise FileNotFoundError(f'{path!r} does not exist: give the path of an .onnx file that '
                                '"mmocr-kd export" wrote')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    except Exception as error:  # see above
        raise ValueError(f'{path!r} cannot be loaded by ONNX Runtime: {error}') from error


def _about(path: str, metadata: dict[str, str]) -> dict[str, Any]:
    if KEY not in metadata:
        raise ForeignFileError(
            f'{path!r} was not written by "mmocr-kd export": nothing in it says how images are '
            'prepared and what its outputs mean. Export the model again, "mmocr-kd export CONFIG '
            'CHECKPOINT --out FILE.onnx"; a model of others can teach one of yours, as OnnxTeacher')
    about: dict[str, Any] = json.loads(metadata[KEY])
    if about['version'] > VERSION:
        raise ForeignFileError(
            f'{path!r} was written by {about["made_by"]}, whose files have version '
            f'{about["version"]}; this one reads up to {VERSION}: pip install --upgrade mmocr_kd')
    return about
