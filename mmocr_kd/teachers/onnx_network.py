"""A network in an ONNX file, run by ONNX Runtime on the CPU."""
from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import Tensor


class OnnxNetwork:
    """Images in, one array out.

    Axes that the file fixes are kept: batches are cut, and filled up with black images, to a fixed
    number; channels, height and width are for the caller to respect.

    Args:
        path: The file.

    Attributes:
        channels, height, width: What the network takes; None where any number will do.

    Raises:
        ImportError: Without ONNX Runtime.
        FileNotFoundError, ValueError: If there is no such file, ONNX Runtime cannot load it, or it
            takes anything but one batch of float images.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._session = _session(self.path)
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type != 'tensor(float)':
            found = [f'{each.name}: {each.type} {each.shape}' for each in inputs]
            raise ValueError(f'model={self.path!r} takes {found}, expected one input of float '
                             'images (N, C, H, W)')
        self._name = inputs[0].name
        self._batch, self.channels, self.height, self.width = map(_fixed, inputs[0].shape)

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxNetwork:
        """Itself: a network that never changes is shared by copies of a model it teaches."""
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as the path of its file, which is loaded again."""
        return type(self), (self.path, )

    @property
    def characters(self) -> list[str] | None:
        """The dictionary in the file, as PP-OCR's recognisers carry one; None without."""
        text = self._session.get_modelmeta().custom_metadata_map.get('character')
        return None if text is None else text.split('\n')

    def __call__(self, images: Tensor) -> Tensor:
        """Run the network.

        Args:
            images: float32, on the CPU, shape (N, C, H, W).

        Returns:
            Its first output, N entries long.

        Raises:
            ValueError: If ONNX Runtime refuses the images, or the output has not N entries.
        """
        size = self._batch or len(images)
        return torch.cat([self._run(part, size) for part in images.split(size)])

    def _run(self, images: Tensor, size: int) -> Tensor:
        number = len(images)
        batch = np.zeros((size, *images.shape[1:]), np.float32)
        batch[:number] = images.numpy()
        try:
            output = self._session.run(None, {self._name: batch})[0]
        except Exception as error:  # ONNX Runtime has no common class for its own
            raise ValueError(f'model={self.path!r} cannot be run on images of shape '
                             f'{batch.shape}: {error}') from error
        if not isinstance(output, np.ndarray) or not output.shape or len(output) != size:
            raise ValueError(f'model={self.path!r} gave {_shape(output)} for {size} images: its '
                             'first output must have one entry for each')
        return torch.from_numpy(output[:number])


def _session(path: str) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("teachers in ONNX files need ONNX Runtime: pip install 'mmocr_kd[onnx]'"
                          ) from error
    if not os.path.isfile(path):
        raise FileNotFoundError(f"model={path!r} does not exist: give the path of an .onnx file, "
                                "or 'rapidocr'")
    options = onnxruntime.SessionOptions()
    # Beside a training: as many threads as PyTorch was given, and no spinning between batches.
    options.intra_op_num_threads = torch.get_num_threads()
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    except Exception as error:  # see above
        raise ValueError(f'model={path!r} cannot be loaded by ONNX Runtime: {error}') from error


def _fixed(axis: Any) -> int | None:
    return axis if isinstance(axis, int) else None


def _shape(output: Any) -> str:
    return f'an array of shape {getattr(output, "shape", ())}'
