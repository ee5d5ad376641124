"""An exported model in 8 bits."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Iterable, Iterator, Sequence

import numpy as np

from ..reader import OnnxFile
from ..reader.onnx_file import KEY
from ..reader.photos import load
from ..reader.resizing import Prepared, prepare
from ..store.files import write_whole

Progress = Callable[[Sequence[str]], Iterable[str]]


@dataclass
class Quantized:
    """What became of a model.

    Attributes:
        bytes_before: Size of the file.
        bytes_after: Of the one in 8 bits.
        compared: On how many photos, none of which it was calibrated on.
        mean: Mean absolute difference of probabilities there; NaN without such photos.
        largest: The largest one.
    """

    bytes_before: int
    bytes_after: int
    compared: int
    mean: float
    largest: float


def quantize(source: str, out: str, photos: Sequence[str], calibrate: int = 64, compare: int = 8,
             progress: Progress = iter) -> Quantized:
    """Weights and activations in 8 bits, by ONNX Runtime's static quantisation.

    Ranges of activations reach from the smallest to the largest value on a photo, in the mean of
    some photos: else a single unusual one would make all others coarse (measured in
    docs/evidence/eight-bits.md). Weights have a scale for each channel. Both are stored around the
    operators (QDQ), which ONNX Runtime and OpenVINO fuse. What the file says about itself stays.

    Args:
        source: File that ``mmocr-kd export`` wrote.
        out: File to write.
        photos: Such as the model will see; those in between are taken if there are more.
        calibrate: How many to take ranges from.
        compare: How many others to compare both files on.
        progress: Shows how far it is: paths in, paths out.

    Raises:
        ImportError: Without onnx and ONNX Runtime.
        FileNotFoundError, ForeignFileError: If the source is missing, or another's.
        ValueError: If it is in 8 bits already, there is no photo, or one cannot be read.
    """
    file = OnnxFile(source)
    if file.about.get('bits') == 8:
        raise ValueError(f'{source!r} is in 8 bits already')
    if not photos:
        raise ValueError('there are no photos to take the ranges of activations from')
    chosen = _spread(photos, calibrate)
    others = _spread([photo for photo in photos if photo not in chosen], compare)
    graph = _in_8_bits(source, file, progress(chosen))
    write_whole(Path(out), graph)
    apart = [_difference(file, OnnxFile(out), path) for path in others]
    return Quantized(Path(source).stat().st_size, len(graph), len(others),
                     float(np.mean([mean for mean, _ in apart])) if apart else float('nan'),
                     max((largest for _, largest in apart), default=float('nan')))


def _spread(photos: Sequence[str], number: int) -> list[str]:
    """So many of them, from all over."""
    places = np.unique(np.linspace(0, len(photos) - 1, min(number, len(photos))).round())
    return [photos[int(place)] for place in places]


def _in_8_bits(source: str, file: OnnxFile, photos: Iterable[str]) -> bytes:
    try:
        import onnx
        from onnxruntime import quantization
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise ImportError("8 bits need onnx and ONNX Runtime: pip install 'mmocr_kd[export]'"
                          ) from error
    with TemporaryDirectory() as folder:
        prepared, written = f'{folder}/prepared.onnx', f'{folder}/written.onnx'
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared, written, _Photos(file, photos), per_channel=True,
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            extra_options={'CalibMovingAverage': True})  # the plain mean: all photos at once
        model = onnx.load(written)
    del model.metadata_props[:]
    model.metadata_props.add(key=KEY, value=file.said(bits=8))
    graph: bytes = model.SerializeToString()
    return graph


class _Photos:
    """What ONNX Runtime's calibrators ask, one photo after the other."""

    def __init__(self, file: OnnxFile, photos: Iterable[str]) -> None:
        self._batches = (file.feed(*_batch(seen)) for seen in _seen(file, photos))

    def get_next(self) -> dict[str, Any] | None:
        """The next input of the graph, None at the end."""
        return next(self._batches, None)


def _seen(file: OnnxFile, photos: Iterable[str]) -> Iterator[Prepared]:
    for path in photos:
        try:
            yield prepare(load(path), file.about['image'])
        except (OSError, ValueError) as error:
            raise ValueError(f'{path!r}: {error}') from error


def _batch(seen: Prepared) -> tuple[np.ndarray, np.ndarray]:
    return seen.pixels[None], np.array([seen.valid_ratio])


def _difference(one: OnnxFile, other: OnnxFile, path: str) -> tuple[float, float]:
    """Mean and largest, of probabilities."""
    seen, = _seen(one, [path])
    apart = np.abs(one(*_batch(seen)) - other(*_batch(seen)))
    return float(apart.mean()), float(apart.max())
